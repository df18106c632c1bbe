"""Components by kind and name: layers, activations, objectives and all the other kinds, whoever ships them.

A name is core's own, or an entry point of an installed distribution in a group ``npdl.v1.<kind>``, or
registered in this process. Names match whatever their case, ``_``, ``-`` and spaces. ``distribution:name``
picks a provider; core's names cannot be taken by anybody else. Installed distributions are looked at once,
when the first name that is not core's is asked for, and a component's module is imported when its name is
asked for.

``NPDL_PLUGINS`` lists the only distributions that may be used, separated by commas (set to nothing: none);
``NPDL_DISABLE_PLUGINS`` lists those that may not. Both are read when distributions are looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from npdl_core.registry.table import Registry

if TYPE_CHECKING:
    from npdl_core.errors import PluginError
    from npdl_core.registry.report import Plugin

__all__ = [
    "Registry",
    "canonical_name",
    "check_plugin",
    "component_id",
    "default",
    "get",
    "names",
    "namespace",
    "plugins",
    "providers",
    "refresh",
    "register",
    "resolve",
    "unregister",
]

_DEFAULT = Registry()


def default() -> Registry:
    """Return the registry of this process, which all functions of this module use."""
    return _DEFAULT


def get(kind: str, spec: Any, /, **config: Any) -> Any:
    """Return a new component.

    Parameters
    ----------
    kind : str
        ``"layers"``, ``"activations"``, …
    spec : str, type, mapping or instance
        A name, a class, an envelope ``{"name": …, "config": {…}}``; an instance is returned as it is.
    **config
        Constructor arguments; with an envelope, those that its config does not have.

    Raises
    ------
    UnknownNameError, AmbiguousNameError
        If no one, or more than one, provides the name.
    MissingPluginError, PluginVersionError, PluginError
        If the provider is not installed or not allowed, speaks another version, or is broken.
    ConfigError
        If an argument is unknown, missing or out of range, or ``spec`` is no component of this kind.

    Examples
    --------
    >>> get("initializers", "Uniform", scale=0.1)
    Uniform(scale=0.1)
    >>> get("initializers", {"name": "npdl-core:uniform", "config": {"scale": 0.1}})
    Uniform(scale=0.1)
    """
    return _DEFAULT.get(kind, spec, **config)


def resolve(kind: str, spec: Any) -> Any:
    """Return the class of a name, envelope, class or instance; of a kernel, the function.

    Raises as :func:`get` does.

    Examples
    --------
    >>> resolve("initializers", "xavier_uniform").__name__
    'GlorotUniform'
    """
    return _DEFAULT.resolve(kind, spec)


def names(kind: str) -> list[str]:
    """Return every bare name and alias of a kind, sorted; no component is imported.

    Names that a hook registers appear once the hooks have run, which the first look-up of a name outside core
    does.

    Examples
    --------
    >>> "zeros" in names("initializers")
    True
    """
    return _DEFAULT.names(kind)


def providers(kind: str, name: str) -> list[str]:
    """Return the ids of all usable providers of a bare name: core's first, then by distribution.

    Examples
    --------
    >>> providers("initializers", "zeros")
    ['npdl-core:zero']
    """
    return _DEFAULT.providers(kind, name)


def register(kind: str, name: str, obj: Any) -> str:
    """Register a component in this process and return its id, ``local:name``.

    Parameters
    ----------
    kind, name : str
        Where it is found from now on.
    obj : type
        The class; for the kind ``kernels`` a function.

    Raises
    ------
    DuplicateNameError
        If the name is core's, or registered for another object; the same object again is fine.
    ConfigError
        If the object is not what the kind needs, or the name has other signs than letters, digits, ``_``,
        ``-`` and spaces.

    Examples
    --------
    >>> from npdl_core.initializers import Initializer
    >>> class Half(Initializer):
    ...     def sample(self, shape, rng):
    ...         return 0.5 + 0 * rng.standard_normal(shape)
    >>> register("initializers", "half", Half)
    'local:half'
    >>> get("initializers", "half")((2,))
    array([0.5, 0.5], dtype=float32)
    >>> unregister("initializers", "half")
    """
    return _DEFAULT.register(kind, name, obj)


def unregister(kind: str, name: str) -> None:
    """Take back what :func:`register` did, for example before registering a changed class in a notebook.

    Raises
    ------
    UnknownNameError
        If nothing was registered under this name.
    """
    _DEFAULT.unregister(kind, name)


def component_id(component: Any, kind: str | None = None) -> str:
    """Return the canonical id of a class or an instance, as it is written into files.

    Parameters
    ----------
    component : type or instance
        A component; how it was made does not matter.
    kind : str, optional
        Its kind; by default what the class says, or any.

    Returns
    -------
    str
        ``distribution:name``. Of several names of one class it is the one that is spelled as the class, or
        else the first that the distribution declares.

    Raises
    ------
    UnknownNameError
        If the class is not registered; the message tells how to do that.

    Examples
    --------
    >>> component_id(resolve("initializers", "zeros"))
    'npdl-core:zero'
    """
    return _DEFAULT.component_id(component, kind)


def canonical_name(kind: str, spec: Any) -> str:
    """Return the bare name that stands for a component in the names of tensors and logs.

    A class without a name is called as the class, in snake case.

    Examples
    --------
    >>> canonical_name("metrics", "acc")
    'accuracy'
    """
    return _DEFAULT.canonical_name(kind, spec)


def plugins() -> list[Plugin]:
    """Return one record per distribution with npdl entry points: what it provides, and what is wrong with it.

    Nothing is imported: a state ``"broken"`` is about entry points that cannot be right, or that failed when
    they were asked for. :func:`check_plugin` tries them all.
    """
    return _DEFAULT.plugins()


def check_plugin(distribution: str) -> list[PluginError]:
    """Import everything that a distribution provides and return the errors.

    Raises
    ------
    MissingPluginError
        If the distribution has no npdl entry points, or is not allowed.
    """
    return _DEFAULT.check_plugin(distribution)


def refresh() -> None:
    """Look at the installed distributions anew, for example after installing one into a running notebook.

    What was registered in this process stays; failures are forgotten, so that a repaired plugin is tried
    again.
    """
    _DEFAULT.refresh()


def namespace(
    kind: str, module_globals: dict[str, Any], registry: Registry | None = None
) -> tuple[Callable[[], list[str]], Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``names``, ``__getattr__`` and ``__dir__`` for the module of a kind.

    They let ``npdl_core.layers.LSTM`` find the class, whoever ships it. A name with a leading underscore is
    never looked up; what is unknown raises AttributeError.
    """
    from npdl_core.registry.modules import Namespace

    space = Namespace(registry or _DEFAULT, kind, module_globals)
    return space.names, space.attribute, space.directory
