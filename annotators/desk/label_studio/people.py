"""People of a Label Studio server: who is who, and how one comes in.

The open-source server has one role: everyone who is let in opens every project. Who wrote an annotation is the server's
word; whether they should have is the desk's.
"""

from __future__ import annotations

from annotators.desk.label_studio.http import Editor, Secret, client
from schemas.errors import BadInput


def people(editor: Editor) -> dict[int, str]:
    """Return the address of everyone on the server by the number that annotations bear."""
    return {int(one["id"]): str(one["email"]) for one in editor.get("/api/users/")}


def invitation(editor: Editor) -> Secret:
    """Return the address at which people sign up on their own; who has it is let in."""
    return Secret(editor.url + str(editor.get("/api/invite")["invite_url"]))


def sign_up(invited: Secret, url: str, email: str, password: Secret) -> Secret:
    """Sign somebody up with an invitation to the server at `url`, as a browser would, and return their token.

    Needs a server that gives legacy tokens, as one of our own does. Raises BadInput where it does not let them in.
    """
    with client(url) as session:
        session.get(invited.shown)
        form = {"email": email, "password": password.shown, "csrfmiddlewaretoken": session.cookies.get("csrftoken", "")}
        session.post(invited.shown, data=form, headers={"Referer": url})
        answer = session.get("/api/current-user/token")
    if answer.status_code != 200:
        remedy = "they may be there already; a password has 8 characters or more"
        raise BadInput(f"{email} could not be signed up", where=url, remedy=remedy)
    return Secret(answer.json()["token"])
