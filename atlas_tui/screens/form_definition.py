"""What a form is, for those who define one.

A form is a subclass of `Form` with three parts, and nothing of a screen:

1. `load(session)` reads, in a worker thread, what is stored and which fields there are: a `Loaded`. For a new thing the values are what
   it starts with. What the person may not do comes back as `refusal` ("Your role may not. Ask dana (Manager)."), and no form opens.
2. `save(session, filled)` calls the one storage function, in a worker thread, and answers where to go and what to say: a `Saved`. For a new
   thing it takes `filled.values`; for an edit `filled.seen` and `filled.changes`. Storage's errors need no handling here: a refused value
   goes to its field (by `Field.label` or `also_called`), an `EditConflict` into the fields it names, anything else on the flash line, and
   what was typed stays.
3. `look_up(session, filled)` asks the database about what was typed so far, in a worker thread after a pause in typing: what is to be
   said about a field ("this workspace has this tenant id already, as Contoso"), and what saving will do beyond storing the fields. It is
   asked once more before saving; when what it says hurts, the person is asked with all sentences and Cancel has the focus.

`name` and `subject` address the draft (`tenant.edit`, `tenant:12`). `form_opening.open_form(atlas, form)` shows it; `FORMS` there says how
a draft finds its form again. Secret fields (`Kind.SECRET`) reach `save` in `filled.secrets` and nothing else.

A step of a wizard holds a `FormState` and a `FormBody` of its own and may use the same `Form` for loading and saving.

Must not know: widgets, navigation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from atlas_tui.cells import Line
from atlas_tui.links import Link, View
from atlas_tui.screens.prose import Times
from atlas_tui.widgets.form_field import Field
from atlas_tui.widgets.form_state import Remark
from storage.states import Topic

if TYPE_CHECKING:
    from atlas_tui.session import Session

Head = Callable[[Times, int], Sequence[Line]]
"""Times, width → the lines above the fields: what is only to be read."""


def no_head(times: Times, width: int) -> Sequence[Line]:
    """Nothing above the fields."""
    return ()


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a form begins with.

    Attributes:
        fields: In their order.
        there: Key → value as it is stored, or as a new thing starts.
        workspace_id: Whose it is, for the draft.
        head: What is shown above the fields.
        refusal: Why it may not be filled in, and who may; empty when it may.
        facts: Whatever the form itself wants to remember for its consequences.
    """

    fields: Sequence[Field]
    there: Mapping[str, Any]
    workspace_id: int | None
    head: Head = no_head
    refusal: str = ""
    facts: Any = None


@dataclass(frozen=True, slots=True)
class Filled:
    """What a form is saved with.

    Attributes:
        seen: The stored values as the person saw them.
        changes: What they changed.
        values: All fields that apply.
        ticket: The reference they gave; None without one.
        secrets: What they typed into secret fields. Never shown, not even in this object's description.
    """

    seen: Mapping[str, Any]
    changes: Mapping[str, Any]
    values: Mapping[str, Any]
    ticket: str | None
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Handout:
    """Something to take away: texts that are copied into another program. Never a secret.

    Attributes:
        title: What it is about.
        sentences: What to do with it.
        texts: What each is called, and the text itself; a key copies each.
    """

    title: str
    sentences: tuple[str, ...]
    texts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Saved:
    """What saving brought.

    Attributes:
        text: What the flash line says.
        link: Where to go; None stays on the page behind the form.
        handout: What the person takes away from here, shown until they close it.
    """

    text: str
    link: Link | None = None
    handout: Handout | None = None


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What the database says about what was typed.

    Attributes:
        remarks: Field → what there is to say about it.
        consequences: What saving will do beyond storing the fields.
        hurts: Whether to ask before that is done.
    """

    remarks: Mapping[str, Remark] = field(default_factory=dict)
    consequences: Sequence[str] = ()
    hurts: bool = False


class Form(ABC):
    """A form; see the top of this module.

    Attributes:
        name: Which form, in drafts: `tenant.edit`.
        subject: What it is about, in drafts: `tenant:12`; several people's forms about nothing yet name the workspace.
        title: What it is called on the screen.
    """

    TAB: ClassVar[View] = View.CONNECTIONS
    """The tab it belongs to."""

    TOPICS: ClassVar[frozenset[Topic]] = frozenset()
    """What it hears of while it is open; then it is loaded again, and what changed underneath is shown."""

    IS_EDIT: ClassVar[bool] = False
    """Whether it changes something that is there; saving without a change does nothing then."""

    TAKES_TICKET: ClassVar[bool] = True
    """Whether it has a field for a ticket."""

    def __init__(self, name: str, subject: str, title: str) -> None:
        self.name = name
        self.subject = subject
        self.title = title

    @abstractmethod
    def load(self, session: Session) -> Loaded:
        """Reads what the form begins with. Blocks; not for the event loop.

        Raises:
            AtlasError: It is not visible.
        """

    @abstractmethod
    def save(self, session: Session, filled: Filled) -> Saved:
        """Does it. Blocks; not for the event loop.

        Raises:
            AtlasError: It was refused; nothing was written.
        """

    def look_up(self, session: Session, filled: Filled) -> LookedUp:
        """Says what the database has to say about what was typed. Blocks; not for the event loop.

        Args:
            session: Who asks.
            filled: What can be read so far; fields that cannot are left out, secrets too.

        Raises:
            AtlasError: As saving would.
        """
        return LookedUp()

    def look_before_saving(self, session: Session, filled: Filled) -> LookedUp:
        """Says the same once more right before it is saved, when the secrets may be looked at too. Blocks; not for the event loop.

        A form that can say something about a secret that is none itself (a certificate's thumbprint) says it here.

        Args:
            session: Who asks.
            filled: What will be saved.

        Raises:
            AtlasError: As saving would.
        """
        return self.look_up(session, replace(filled, secrets={}))
