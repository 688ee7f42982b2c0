"""Where work runs, from the environment, so that notebooks in processes of their own inherit it."""

import os
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from analysis.errors import ParameterError


class FanOutSettings(BaseSettings):
    """Where work runs, and how much of it at once."""

    model_config = SettingsConfigDict(env_prefix="PROMREVIEW_", extra="ignore")

    backend: Literal["local", "dask", "sequential"] = Field("local", description="local processes, or a Dask cluster")
    scheduler: str | None = Field(None, description="address of the Dask scheduler, tcp://HOST:PORT")
    jobs: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, description="how many blocks at once")

    @model_validator(mode="after")
    def _scheduler_goes_with_dask(self) -> Self:
        if self.backend == "dask" and not self.scheduler:
            raise ValueError("the dask backend needs a scheduler, for example tcp://127.0.0.1:8786")
        return self

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment.

        Raises:
            ParameterError: a value is not allowed.
        """
        try:
            return cls()
        except ValidationError as error:
            problem = error.errors()[0]
            name = "_".join(["PROMREVIEW", *map(str, problem["loc"] or ["scheduler"])]).upper()
            raise ParameterError(f"{name}: {problem['msg'].removeprefix('Value error, ')}") from None

    def for_frames(self) -> Self:
        """For blocks whose results are large: processes of this machine would only hold them a second time."""
        return self if self.backend == "dask" else self.model_copy(update={"backend": "sequential"})
