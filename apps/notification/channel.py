"""What a kind of channel has to offer. The kinds lie in `channels/`."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from apps.jobs.errors import JobError, PermanentError
from apps.notification.models import Delivery

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


@dataclass(frozen=True)
class Recipient:
    """Whom a notification is for: a user here, a mail address, or just a channel by its name."""

    name: str
    user_id: int | None = None
    email: str = ""
    channel: str = ""


@dataclass(frozen=True)
class Answer:
    """What came back. A TemporaryError is worth another try, any other error is not."""

    text: str = ""
    status_code: int | None = None
    error: JobError | None = None


class Config(BaseModel):
    """Base of each kind's own schema; a name that it doesn't know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


ConfigType = TypeVar("ConfigType", bound=Config)


class ChannelKind(ABC, Generic[ConfigType]):
    """One kind of channel: `name` is stored with each channel, `title` is for people.

    `example` is a configuration as people may copy it.
    """

    name: ClassVar[str]
    title: ClassVar["StrPromise"]
    example: ClassVar[dict[str, Any]]
    schema: type[ConfigType]

    def read(self, config: Any) -> ConfigType:
        """The checked configuration. Raises PermanentError with what is wrong, field by field."""
        try:
            return self.schema.model_validate(config)
        except ValidationError as error:
            raise PermanentError("; ".join(map(sentence, error.errors()))) from None

    @abstractmethod
    def describe(self, config: ConfigType) -> str:
        """Where it leads, in a few words without secrets."""

    @abstractmethod
    def reaches(self, recipient: Recipient, config: ConfigType) -> bool:
        """Whether there is a way to this recipient."""

    @abstractmethod
    def send(self, delivery: Delivery, recipient: Recipient, config: ConfigType) -> Answer:
        """Sends it. May be called again for the same delivery. Raises JobError, or returns one."""


def sentence(error: Any) -> str:
    place = ".".join(map(str, error["loc"]))
    words = str(error["msg"]).removeprefix("Value error, ")
    return f"{place}: {words}" if place else words
