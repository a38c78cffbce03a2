"""Plans to draw: what strangers would write to break a page, and any plan that hypothesis can think of."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tokenvault.errors import Diagnostic, Span
from tokenvault.kinds import kinds
from tokenvault.model.desired import Provenance
from tokenvault.plan.document import Document, plan_document
from tokenvault.plan.judgement import Cause, JudgedCase, Judgement
from tokenvault.plan.model import Action, Attribute, Change, Orphan, Plan, PlannedNode

HOSTILE = (
    "a|b||c\\|d",
    "`code` ``` fence",
    "`" * 40,
    "```\n</details>\n# owned",
    "~~~",
    "<script>document.title='owned'</script>",
    "<img src=x onerror=document.title='owned'>",
    "<svg onload=document.title='owned'>",
    "</details></summary></blockquote>",
    "</code></pre></li><h1>owned</h1>",
    "</title></style><style>*{display:none}</style>",
    "<!-- tokenvault:plan -->",
    "--> owned <!--",
    '" onmouseover="document.title=1',
    "' onfocus='document.title=1' autofocus='",
    "[click](https://evil.example/x)",
    "![image](https://evil.example/x.png)",
    "[reference]: https://evil.example",
    "<https://evil.example>",
    "see https://evil.example and www.evil.example",
    "javascript:alert(1)",
    "someone@evil.example",
    "@octocat, @github/everyone",
    "#123 GH-12 octo/repo#5",
    "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
    ":smile: :+1:",
    "$\\frac{1}{2}$ $$x$$",
    "*bold* _em_ **b** __u__ ~~gone~~",
    "line\nbreak\n\n# heading\n\n- item\n\n> quote\n\n    code",
    "\r\n===\r\n",
    "1. one",
    "- dash",
    "|a|b|\n|-|-|\n|1|2|",
    "&lt;b&gt; &#60;i&#62; &amp;",
    "\x1b[31mred\x1b[0m\x07\x00\x7f",
    "\u202egnp.exe \u2066x\u2069 \u200b\ufeff",
    "]]> <![CDATA[ <?php ?>",
    "%%{init: {'securityLevel': 'loose'}}%%",
    "x] --> y[z; click n0 href 'javascript:alert(1)'",
    'quote " and \\" and \\N \\l trailing \\',
    "${jndi} {{7*7}} #{x}",
    "   ",
    "",
    "x" * 5000,
    "漢字" * 40,
    "\ud800",
    "not \ufffe a \uffff character \U000e0041\U000e0042",
)
SPAN = Span(file="specs/tokenvault.yaml", line=7, column=3, end_column=9)


def plan_with(text: str) -> Plan:
    """A plan with this text wherever a spec or a tenant can put one."""
    span = Span(file=f"{text}.yaml", line=7, column=3, end_column=9)
    why = Provenance(source=text, reason=text, span=span, doc=text)
    attributes = (
        Attribute(path=("name",), op="change", before=text, after=f"{text}!", provenance=(why,)),
        Attribute(path=(text,), op="add", after={text: [text, True, None]}, provenance=(why, why)),
        Attribute(path=("grant_types",), op="add", after=text, element=True, provenance=(why,)),
        Attribute(path=("grant_types",), op="remove", before=text, element=True),
        Attribute(path=("scopes", text), op="change", before=1, after=text, provenance=(why,)),
        Attribute(path=("secret",), op="change", sensitive=True, provenance=(why,)),
        Attribute(path=("clients",), op="add", unknown=text, element=True, provenance=(why,)),
    )
    address = f"application.{text}"
    change = Change(
        address=address,
        kind="application",
        action=Action.UPDATE,
        name=text,
        identity={"name": text},
        id=text,
        attributes=attributes,
        adopts=True,
        unmanaged=3,
        unmanaged_options=1,
        kept={"grant_types": 2},
        risks=(text, f"before {text} after"),
        reason=text,
        span=span,
    )
    warning = Diagnostic(code="x", severity="warning", summary=f"About {text}", detail=text, hint=text, span=span)
    node = PlannedNode(address=address, kind="application", name=text, action=Action.UPDATE)
    other = PlannedNode(address=f"connection.{text}", kind="connection", name=text, requires=(address,))
    return Plan(
        spec_name=text,
        tenant=text,
        files=(text,),
        salt="0",
        changes=(change,),
        nodes=(node, other),
        orphans=(Orphan(address=text, kind="application", id=text, name=text, protected=True),),
        warnings=(warning,),
        judgement=judgement_with(text),
    )


def judgement_with(text: str) -> Judgement:
    """A judgement with this text wherever a spec or a tenant can put one."""
    cases = (
        JudgedCase(application=text, connection=text, flavor=text, before="ready", after="not ready"),
        JudgedCase(application=text, connection="", flavor=text, before="not ready", after="not ready"),
    )
    shown = {"step": "the exchange", "error": None, "code": None}
    fix = {"how": "spec", "text": f"Write `{text}`.", "link": f"https://manage.auth0.com/{text}"}
    subject = {"kind": "application", "names": [text, f"{text}!"]}
    told = {"id": "x", "subject": subject, "means": text, "at_run_time": shown, "doc": text}
    return Judgement(
        cases=cases,
        causes=(
            Cause(**told, says=text, fix=fix, cases=(0, 1), stops=(0,)),
            Cause(**told, says=f"{text}.", fix={**fix, "how": "command", "text": text}, cases=(1,), stops=()),
        ),
    )


def document_with(text: str) -> Document:
    """The JSON of such a plan."""
    return plan_document(plan_with(text))


_texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30))
_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), _texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_texts, inner, max_size=3)),
    max_leaves=6,
)
_whys = st.builds(Provenance, source=_texts, reason=_texts, span=st.sampled_from([None, SPAN]), doc=_texts)
_attributes = st.builds(
    Attribute,
    path=st.lists(_texts, min_size=1, max_size=3).map(tuple),
    op=st.sampled_from(["add", "remove", "change"]),
    before=_values,
    after=_values,
    element=st.booleans(),
    sensitive=st.booleans(),
    unknown=st.one_of(st.none(), _texts),
    provenance=st.lists(_whys, max_size=2).map(tuple),
)


@st.composite
def _changes(draw: st.DrawFn, number: int) -> Change:
    attributes = tuple(draw(st.lists(_attributes, max_size=4)))
    return Change(
        address=f"{draw(_texts)}{number}",
        kind=draw(st.sampled_from(sorted(kinds()))),
        action=draw(st.sampled_from(Action)),
        name=draw(_texts),
        identity={},
        id=draw(st.one_of(st.none(), _texts)),
        attributes=attributes,
        adopts=draw(st.booleans()),
        unmanaged=draw(st.integers(0, 50)),
        unmanaged_options=draw(st.integers(0, 9)),
        kept={attribute.path[0]: 1 for attribute in attributes[:1]},
        risks=tuple(draw(st.lists(_texts, max_size=2))),
        reason=draw(_texts),
        span=draw(st.sampled_from([None, SPAN])),
    )


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """The JSON of any plan."""
    changes = tuple(draw(_changes(number)) for number in range(draw(st.integers(0, 6))))
    addresses = [change.address for change in changes]
    nodes = tuple(
        PlannedNode(
            address=change.address,
            kind=change.kind,
            name=change.name,
            action=change.action,
            requires=tuple(draw(st.lists(st.sampled_from(addresses), max_size=3, unique=True))),
        )
        for change in changes
    )
    warnings = draw(
        st.lists(st.builds(Diagnostic, code=_texts, summary=_texts, detail=_texts, hint=_texts), max_size=2)
    )
    orphans = draw(st.lists(st.builds(Orphan, address=_texts, kind=_texts, id=_texts, name=_texts), max_size=2))
    plan = Plan(
        spec_name=draw(_texts),
        tenant=draw(_texts),
        files=tuple(draw(st.lists(_texts, max_size=2))),
        salt="0",
        changes=changes,
        nodes=nodes,
        orphans=tuple(orphans),
        warnings=tuple(warnings),
        judgement=draw(st.one_of(st.none(), _texts.map(judgement_with))),
    )
    return plan_document(plan)


def long_plan(changes: int, members: int = 1) -> Plan:
    """As many new applications, each with a list of as many members."""
    why = Provenance(source="connected_accounts", reason="users log in", span=SPAN)
    some = tuple(
        Attribute(
            path=("callbacks",), op="add", after=f"https://app.example/{n}/callback", element=True, provenance=(why,)
        )
        for n in range(members)
    )
    made = tuple(
        Change(
            address=f"application.app-{n}",
            kind="application",
            action=Action.CREATE,
            name=f"app-{n}",
            identity={},
            attributes=some,
            risks=("users log in again",),
            span=SPAN,
        )
        for n in range(changes)
    )
    nodes = tuple(PlannedNode(address=c.address, kind=c.kind, name=c.name, action=c.action) for c in made)
    return Plan(spec_name="many", tenant="acme.eu.auth0.com", files=("m.yaml",), salt="0", changes=made, nodes=nodes)
