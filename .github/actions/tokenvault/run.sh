#!/usr/bin/env bash
# The steps of the action. Reads its inputs from the environment, so that no text from a pull request is ever run.
set -euo pipefail
read -ra specs <<< "${SPEC:-tokenvault.yaml}"
read -ra more <<< "${ARGUMENTS:-}"
plan_file=${PLAN_FILE:-tokenvault-plan.json}

comment() { # keeps one comment per pull request up to date, found by the marker on its first line
  local file=$1 marker id
  marker=$(head -n 1 "$file")
  id=$(gh api --paginate "repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments" \
    --jq '.[] | [.id, (.body | split("\n")[0])] | @tsv' | awk -F '\t' -v marker="$marker" '$2 == marker { print $1; exit }')
  if [ -n "$id" ]; then
    gh api --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$id" -F "body=@$file" > /dev/null
  else
    gh api --method POST "repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments" -F "body=@$file" > /dev/null
  fi
}

plan() {
  local code=0 markdown
  markdown=$(mktemp)
  tokenvault validate "${specs[@]}" --format github
  tokenvault plan "${specs[@]}" "${more[@]}" --out "$plan_file" --detailed-exitcode || code=$?
  if [ "$code" != 0 ] && [ "$code" != 2 ]; then exit "$code"; fi
  echo "changes=$([ "$code" = 2 ] && echo true || echo false)" >> "$GITHUB_OUTPUT"
  echo "saved=true" >> "$GITHUB_OUTPUT"
  tokenvault show "$plan_file" --format markdown > "$markdown"
  cat "$markdown" >> "$GITHUB_STEP_SUMMARY"
  if [ "${COMMENT:-true}" = true ] && [ -n "${PULL_REQUEST:-}" ]; then comment "$markdown"; fi
}

apply() {
  if [ -f "$plan_file" ]; then
    tokenvault apply "$plan_file" "${more[@]}"
  else
    tokenvault apply "${specs[@]}" "${more[@]}" --auto-approve
  fi
}

case "${COMMAND:-plan}" in
  plan) plan ;;
  apply) apply ;;
  *) echo "::error::unknown command '$COMMAND': plan or apply"; exit 1 ;;
esac
