"""auth0-python: a management token, the Management API, and the exchanges."""

from auth0.authentication import GetToken
from auth0.management import ManagementClient
from common import ACCESS_TOKEN, API_CLIENT, CONNECTION, DEPLOY, DOMAIN, REFRESH_TOKEN, SCOPE, USER, WEB, done

REQUESTED = "http://auth0.com/oauth/token-type/federated-connection-access-token"
SUBJECT = "urn:ietf:params:oauth:token-type:"

token = GetToken(DOMAIN, DEPLOY["client_id"], client_secret=DEPLOY["client_secret"])
granted = token.client_credentials(f"https://{DOMAIN}/api/v2/")
assert granted["expires_in"] > 0
done("token")

management = ManagementClient(domain=DOMAIN, token=granted["access_token"])
assert WEB["client_id"] in [client.client_id for client in management.clients.list()]
assert management.users.get(USER).user_id == USER
accounts = list(management.users.connected_accounts.list(USER))
assert [account.connection for account in accounts] == [CONNECTION]
done("management")

for client, kind, subject in ((WEB, "refresh_token", REFRESH_TOKEN), (API_CLIENT, "access_token", ACCESS_TOKEN)):
    asking = GetToken(DOMAIN, client["client_id"], client_secret=client["client_secret"])
    answer = asking.access_token_for_connection(
        subject_token_type=SUBJECT + kind,
        subject_token=subject,
        requested_token_type=REQUESTED,
        connection=CONNECTION,
    )
    assert SCOPE in answer["scope"].split() and answer["access_token"]
    done(f"exchange of {'a refresh' if kind == 'refresh_token' else 'an access'} token")
