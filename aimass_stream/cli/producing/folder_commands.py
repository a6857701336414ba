"""The commands that send a folder of files, one record a file: images, audio, clips."""

from __future__ import annotations

from aimass_stream.cli.producing.errand import Errand
from aimass_stream.cli.producing.items import Form, KeyFrom
from aimass_stream.cli.producing.options import (
    Again,
    AppName,
    Create,
    Folder,
    FormName,
    KeySource,
    Limit,
    Rate,
    TopicName,
    send_cargo,
)
from aimass_stream.cli.terminal import command


@command
def images(  # noqa: PLR0913 - the options of a command
    folder: Folder,
    *,
    topic: TopicName = "images",
    rate: Rate = None,
    form: FormName = Form.RAW,
    key_from: KeySource = KeyFrom.NAME,
    limit: Limit = None,
    again: Again = False,
    create: Create = False,
    app_name: AppName = "agents",
) -> None:
    """Send every .jpg, .jpeg and .png below DIR, in order of name.

    What the broker has acknowledged is noted under the state folder: after Ctrl-C or a crash
    the same command sends the rest. Files are sent as they are, damaged ones too; those too
    large for a message go as claim checks where the setting claim_prefixes allows it. Each
    record carries its file's name, and its folder as a label.

    Example: aimass produce images photos --topic images --rate 50/s
    """
    from aimass_stream.cli.producing.images import IMAGES
    from aimass_stream.cli.producing.payloads import find_payloads

    errand = Errand(
        noun=IMAGES.noun,
        record=IMAGES.record.__name__,
        folder=folder.resolve(),
        topic=topic,
        rate=rate,
        limit=limit,
        again=again,
        create=create,
        app=app_name,
    )
    send_cargo(errand, lambda conf: find_payloads(errand.folder, conf, IMAGES, form, key_from))


@command
def audio(  # noqa: PLR0913 - the options of a command
    folder: Folder,
    *,
    topic: TopicName = "audio",
    rate: Rate = None,
    form: FormName = Form.RAW,
    key_from: KeySource = KeyFrom.NAME,
    limit: Limit = None,
    again: Again = False,
    create: Create = False,
    app_name: AppName = "agents",
) -> None:
    """Send every .wav, .flac, .ogg, .oga and .opus below DIR, in order of name.

    In all else as `aimass produce images`: resumable, each file as it is, with its name and
    folder beside it.

    Example: aimass produce audio recordings --rate 20/s
    """
    from aimass_stream.cli.producing.audio import AUDIO
    from aimass_stream.cli.producing.payloads import find_payloads

    errand = Errand(
        noun=AUDIO.noun,
        record=AUDIO.record.__name__,
        folder=folder.resolve(),
        topic=topic,
        rate=rate,
        limit=limit,
        again=again,
        create=create,
        app=app_name,
    )
    send_cargo(errand, lambda conf: find_payloads(errand.folder, conf, AUDIO, form, key_from))


@command
def clips(  # noqa: PLR0913 - the options of a command
    folder: Folder,
    *,
    topic: TopicName = "clips",
    rate: Rate = None,
    form: FormName = Form.RAW,
    key_from: KeySource = KeyFrom.NAME,
    limit: Limit = None,
    again: Again = False,
    create: Create = False,
    app_name: AppName = "agents",
) -> None:
    """Send every .gif and .webp below DIR, in order of name.

    In all else as `aimass produce images`: resumable, each file as it is, with its name and
    folder beside it.

    Example: aimass produce clips doors --rate 5/s
    """
    from aimass_stream.cli.producing.clips import CLIPS
    from aimass_stream.cli.producing.payloads import find_payloads

    errand = Errand(
        noun=CLIPS.noun,
        record=CLIPS.record.__name__,
        folder=folder.resolve(),
        topic=topic,
        rate=rate,
        limit=limit,
        again=again,
        create=create,
        app=app_name,
    )
    send_cargo(errand, lambda conf: find_payloads(errand.folder, conf, CLIPS, form, key_from))
