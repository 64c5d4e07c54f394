"""Build the service in examples/services with many versions of Spring Boot, run it, and keep what it wrote.

Usage: python -m tests.corpus.record [--folder FOLDER] [NAME...]

Needs Java 17 or newer, and Maven.
"""

from __future__ import annotations

import argparse
import lzma
import os
import subprocess
import tarfile
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

SERVICES = Path(__file__).parents[2] / "examples" / "services"


@dataclass(frozen=True, slots=True)
class Build:
    """One version of Spring Boot with what is added to it."""

    name: str
    boot: str
    profiles: str = ""
    maven: tuple[str, ...] = ()
    java: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    jar: bool = False
    """Whether it is run as the one jar that is deployed: traces name it."""


@dataclass(frozen=True, slots=True)
class Form:
    """One captured file: a build, and how it is asked to log."""

    name: str
    build: Build
    arguments: tuple[str, ...] = ()
    java: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    zone: str = "UTC"
    count: int = 60
    web: bool = False
    code: int = 0
    printed: dict[str, str] = field(default_factory=dict)
    """How the form prints ``logger``, ``thread`` and ``trace``, where it is not as Spring Boot's default does."""


ARCHIVE: Final = Path(__file__).parent / "captured.tar.xz"

_OLD = ("--add-opens=java.base/java.lang=ALL-UNNAMED",)
_B3 = ("--scenes.trace=X-B3-TraceId", "--scenes.span=X-B3-SpanId")
_NO_CIRCLE = ("--scenes.circular=false",)

BOOT_1_5 = Build("boot-1.5", "1.5.22.RELEASE", java=_OLD, arguments=_NO_CIRCLE)
BOOT_2_1 = Build("boot-2.1", "2.1.18.RELEASE", arguments=_NO_CIRCLE)
BOOT_2_7 = Build("boot-2.7", "2.7.18")
BOOT_3_2 = Build("boot-3.2", "3.2.12")
BOOT_3_5 = Build("boot-3.5", "3.5.7", "encoders")
JAR_2_7 = Build("boot-2.7-jar", "2.7.18", jar=True)
JAR_3_5 = Build("boot-3.5-jar", "3.5.7", jar=True)
BOOT_4_0 = Build("boot-4.0", "4.0.7")
SLEUTH_1 = Build(
    "boot-1.5-sleuth", "1.5.22.RELEASE", "sleuth", ("-Dsleuth.version=1.3.6.RELEASE",), _OLD, _NO_CIRCLE + _B3
)
SLEUTH_2 = Build(
    "boot-2.1-sleuth", "2.1.18.RELEASE", "sleuth", ("-Dsleuth.version=2.1.7.RELEASE",), (), _NO_CIRCLE + _B3
)
SLEUTH_3 = Build("boot-2.7-sleuth", "2.7.18", "sleuth")
MICROMETER = Build("boot-3.5-micrometer", "3.5.7", "micrometer")
LOG4J2_2_7 = Build("boot-2.7-log4j2", "2.7.18", "log4j2")
LOG4J2_3_5 = Build("boot-3.5-log4j2", "3.5.7", "log4j2,layouts")
LOG4J2_4_0 = Build("boot-4.0-log4j2", "4.0.7", "log4j2")

_JSON = {"logger": "%logger", "thread": "%thread", "trace": "%ex"}
_LOG4J2_JSON = {"logger": "%logger", "thread": "%thread", "trace": "%ex{full}"}
_NAMED = ("--spring.application.name=orders",)
_FOREIGN = ("--scenes.foreign=true",)


def _pattern(pattern: str) -> tuple[str, ...]:
    return (f"--logging.pattern.console={pattern}",)


def _as(logger: str, trace: str = "%ex") -> dict[str, str]:
    return {"logger": logger, "thread": "%thread", "trace": trace}


FORMS: Final = (
    # Spring Boot's default, in all versions.
    Form("boot-1.5", BOOT_1_5),
    Form("boot-2.1", BOOT_2_1),
    Form("boot-2.7", BOOT_2_7, count=120),
    Form("boot-3.2", BOOT_3_2, zone="Europe/Berlin"),
    Form("boot-3.5", BOOT_3_5, zone="America/New_York", count=120),
    Form("boot-4.0", BOOT_4_0, zone="Asia/Kolkata"),
    # As one jar, and on Windows.
    Form("boot-2.7-jar", JAR_2_7),
    Form("boot-3.5-jar", JAR_3_5, _NAMED),
    Form("boot-2.7-windows", BOOT_2_7, java=("-Dline.separator=\r\n",)),
    # Into a file, named, grouped, in colours.
    Form("boot-2.1-file", BOOT_2_1, ("--logging.file={file}",), printed={"thread": "%t"}),
    Form("boot-2.7-file", BOOT_2_7, ("--logging.file.name={file}", *_NAMED), printed={"thread": "%t"}),
    Form("boot-3.5-file", BOOT_3_5, ("--logging.file.name={file}", *_NAMED), printed={"thread": "%t"}),
    Form("boot-3.2-name", BOOT_3_2, _NAMED),
    Form("boot-3.5-group", BOOT_3_5, (*_NAMED, "--spring.application.group=shop [eu]")),
    Form("boot-4.0-group", BOOT_4_0, (*_NAMED, "--spring.application.group=shop")),
    Form("boot-2.7-colours", BOOT_2_7, ("--spring.output.ansi.enabled=always",)),
    Form("boot-3.5-colours", BOOT_3_5, ("--spring.output.ansi.enabled=always", *_NAMED)),
    # Ids of traces.
    Form("boot-1.5-sleuth", SLEUTH_1, _NAMED),
    Form("boot-2.1-sleuth", SLEUTH_2, _NAMED),
    Form("boot-2.7-sleuth", SLEUTH_3, _NAMED),
    Form("boot-3.5-micrometer", MICROMETER, _NAMED),
    # With what else a console shows.
    Form("boot-2.7-standard-error", BOOT_2_7, _FOREIGN, environment={"JAVA_TOOL_OPTIONS": "-Dcorpus=1"}),
    Form("boot-3.5-standard-error", BOOT_3_5, _NAMED + _FOREIGN),
    Form("boot-3.5-debug", BOOT_3_5, ("--debug", *_FOREIGN)),
    Form("boot-2.7-web", BOOT_2_7, web=True),
    Form("boot-3.5-web", BOOT_3_5, _NAMED, web=True),
    Form("boot-2.7-missing-bean", BOOT_2_7, ("--scenes.fail=missing", "--spring.main.banner-mode=log"), code=1),
    Form("boot-3.5-failing-bean", BOOT_3_5, ("--scenes.fail=throwing",), code=1),
    Form("boot-4.0-missing-bean", BOOT_4_0, ("--scenes.fail=missing", "--debug"), code=1),
    # log4j2.
    Form("boot-2.7-log4j2", LOG4J2_2_7, printed={"logger": "%-40.40c{1.}", "trace": "%xwEx"}),
    Form(
        "boot-3.5-log4j2",
        LOG4J2_3_5,
        _NAMED,
        zone="Europe/Berlin",
        printed={"logger": "%-40.40c{1.}", "trace": "%xwEx"},
    ),
    Form("boot-4.0-log4j2", LOG4J2_4_0, _NAMED, printed={"logger": "%-40.40c{1.}", "trace": "%xwEx"}),
    Form(
        "log4j2-clock",
        LOG4J2_3_5,
        ("--logging.config=classpath:forms/log4j2-pattern.xml",),
        printed={"logger": "%logger{36}", "thread": "%t", "trace": "%xEx"},
    ),
    # Patterns of Logback, and those that are copied from page to page.
    Form(
        "logback-date-thread-level",
        BOOT_2_7,
        _pattern("%d{{yyyy-MM-dd HH:mm:ss.SSS}} [%thread] %-5level %logger{{36}} - %msg%n"),
        printed=_as("%logger{36}"),
    ),
    Form(
        "logback-full-logger",
        BOOT_3_5,
        _pattern("%d{{yyyy-MM-dd HH:mm:ss.SSS}} [%thread] %-5level %logger - %msg%n"),
        printed=_as("%logger"),
    ),
    Form(
        "logback-clock",
        BOOT_3_5,
        _pattern("%d{{HH:mm:ss.SSS}} [%thread] %-5level %logger{{36}} -%kvp- %msg%n"),
        printed=_as("%logger{36}"),
    ),
    Form(
        "logback-clock-old",
        BOOT_2_7,
        _pattern("%d{{HH:mm:ss.SSS}} [%thread] %-5level %logger{{36}} - %msg%n"),
        printed=_as("%logger{36}"),
    ),
    Form("logback-level-thread", BOOT_2_7, _pattern("%d %-5level [%thread] %logger : %msg%n"), printed=_as("%logger")),
    Form(
        "logback-level-thread-short",
        BOOT_3_5,
        _pattern("%d{{ISO8601}} %-5level [%thread] %logger{{0}}: %msg%n"),
        printed=_as("%logger{0}"),
    ),
    Form(
        "logback-iso8601",
        BOOT_3_5,
        _pattern("%d{{ISO8601}} [%thread] %-5level %logger{{36}} - %msg%n%xEx"),
        printed=_as("%logger{36}", "%xEx"),
    ),
    # Structured.
    *(
        Form(
            f"boot-{build.boot[:3]}-{kind}",
            build,
            (f"--logging.structured.format.console={kind}", *_NAMED),
            printed=_JSON,
        )
        for build in (BOOT_3_5, BOOT_4_0)
        for kind in ("ecs", "logstash", "gelf")
    ),
    Form(
        "boot-3.5-ecs-standard-error",
        BOOT_3_5,
        ("--logging.structured.format.console=ecs", *_NAMED, *_FOREIGN),
        printed=_JSON,
    ),
    *(
        Form(f"json-{name}", BOOT_3_5, (f"--logging.config=classpath:forms/{name}.xml",), printed=_JSON)
        for name in ("logstash-encoder", "logstash-composite", "logback-json")
    ),
    *(
        Form(
            f"json-{name}",
            BOOT_3_5,
            (f"--logging.config=classpath:forms/{name}.xml",),
            printed=_JSON | {"trace": "java"},
        )
        for name in ("ecs-encoder", "ecs-encoder-array")
    ),
    *(
        Form(
            f"json-log4j2-{template}",
            LOG4J2_3_5,
            ("--logging.config=classpath:forms/log4j2-template.xml",),
            (f"-Drecord.template={file}",),
            printed=_LOG4J2_JSON,
        )
        for template, file in (
            ("template-ecs", "EcsLayout.json"),
            ("template-logstash", "LogstashJsonEventLayoutV1.json"),
            ("template-gelf", "GelfLayout.json"),
            ("template-json", "JsonLayout.json"),
        )
    ),
    Form("json-log4j2-ecs", LOG4J2_3_5, ("--logging.config=classpath:forms/log4j2-ecs.xml",), printed=_LOG4J2_JSON),
    Form(
        "json-log4j2-json",
        LOG4J2_3_5,
        ("--logging.config=classpath:forms/log4j2-json.xml",),
        printed=_LOG4J2_JSON | {"trace": "%xEx"},
    ),
)


@cache
def program(build: Build) -> list[str]:
    """Build the service; return how Java is told to run it."""
    target = SERVICES / "target" / build.name
    listing = SERVICES / "target" / f"{build.name}.classpath"
    command = ["mvn", "-q", "-B", "-Dstyle.color=never", f"-Dboot.version={build.boot}", f"-Dvariant={build.name}"]
    command += [*build.maven, f"-P{build.profiles}"] if build.profiles else []
    if build.jar:
        command += ["package", f"org.springframework.boot:spring-boot-maven-plugin:{build.boot}:repackage"]
    else:
        command += [
            "compile",
            "dependency:build-classpath",
            f"-Dmdep.outputFile={listing}",
            "-Dmdep.includeScope=runtime",
        ]
    subprocess.run(command, cwd=SERVICES, check=True)
    if build.jar:
        return ["-jar", str(target / "orders.jar")]
    libraries = listing.read_text(encoding="utf-8").strip()
    return ["-cp", f"{target / 'classes'}:{libraries}", "com.acme.orders.Application"]


def record(form: Form, folder: Path) -> None:
    """Run the service in one form: writes NAME.log and NAME.truth.jsonl.

    Raises:
        RuntimeError: it ended otherwise than it should.
    """
    log = folder / f"{form.name}.log"
    log.unlink(missing_ok=True)
    arguments = [argument.format(file=log) for argument in (*form.build.arguments, *form.arguments)]
    to_file = any(argument.startswith("--logging.file") for argument in arguments)
    command = ["java", "-Xss512k", "-XX:TieredStopAtLevel=1", *form.build.java, *form.java]
    command += [f"-D{name}={value}" for name, value in _properties(form, log, to_file).items()]
    command += [*program(form.build), *_settings(form), *arguments]
    console = folder / f"{form.name}.console"
    with (console if to_file else log).open("ab") as output:
        done = subprocess.run(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"TZ": form.zone, "LC_ALL": "C.UTF-8"} | form.environment,
            cwd=folder,
            timeout=300,
            check=False,
        )
    console.unlink(missing_ok=True)
    if done.returncode != form.code:
        raise RuntimeError(f"{form.name} ended with {done.returncode}: see {log}")


def _properties(form: Form, log: Path, to_file: bool) -> dict[str, str]:
    """What the recorder is told: see com.acme.recorder in the service's source."""
    properties = {f"record.{name}": pattern for name, pattern in form.printed.items()}
    properties |= {"record.capture": str(log), "record.truth": str(log.with_suffix(".truth.jsonl"))}
    if to_file:
        properties["record.appender"] = "FILE"
    return properties | {"file.encoding": "UTF-8"}


def _settings(form: Form) -> list[str]:
    settings = [
        f"--scenes.seed={FORMS.index(form) + 1}",
        f"--scenes.count={form.count}",
        "--logging.level.com.acme=TRACE",
    ]
    if form.web:
        return [*settings, "--scenes.web=true", "--server.port=0"]
    if form.build.boot.startswith("1."):
        return [*settings, "--spring.main.web-environment=false"]
    return [*settings, "--spring.main.web-application-type=none"]


def pack(folder: Path, archive: Path) -> None:
    """Pack what was captured in `folder`, so that equal captures make equal archives."""
    with lzma.open(archive, "wb", preset=9 | lzma.PRESET_EXTREME) as file, tarfile.open(fileobj=file, mode="w") as tar:
        for form in FORMS:
            for name in (f"{form.name}.log", f"{form.name}.truth.jsonl"):
                data = (folder / name).read_bytes()
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, BytesIO(data))


def main() -> None:
    """Record all forms and pack them, or record those that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="forms to record, and not to pack; default: all")
    parser.add_argument(
        "--folder", type=Path, default=SERVICES / "target" / "captured", help="where the files are kept"
    )
    given = parser.parse_args()
    folder: Path = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for form in FORMS:
        if not given.names or form.name in given.names:
            record(form, folder)
            print(f"{form.name:30} {(folder / f'{form.name}.log').stat().st_size:9} bytes", flush=True)
    if not given.names:
        pack(folder, ARCHIVE)
        print(f"{ARCHIVE} {ARCHIVE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
