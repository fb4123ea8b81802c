"""The table of all commands in the order of a first day, and the groups that load one only when it is named."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from wellread import plugins
from wellread.cli import call


@dataclass(frozen=True, slots=True)
class CommandRow:
    """A command, or a group of those whose names begin with its own."""

    name: str  # as it is typed after the program's
    place: str  # module in this room and the Command in it; empty for a group
    sentence: str  # what lists of commands show; the first one of the command's help
    default: str = ""  # of a group: the command that is meant where an option comes first


COMMANDS = (
    CommandRow("init", "init:init", "Make an empty knowledge base: a folder with its settings."),
    CommandRow("add", "add:add", "Read documents in; sync follows them from then on."),
    CommandRow("sync", "sync:sync", "Read what is new or changed, drop what was deleted."),
    CommandRow("remove", "remove:remove", "Take documents out of the base; files are not touched."),
    CommandRow("status", "status:status", "Show what the knowledge base holds, and what failed and why."),
    CommandRow("search", "search:search", "Find the passages that fit best; no answer is written."),
    CommandRow("similar", "similar:similar", "Find the documents most like one, in topic and tone."),
    CommandRow("ask", "ask:ask", "Answer a question from the documents, with exact sources."),
    CommandRow("verify", "verify:verify", "Check a claim, or a text, against the documents."),
    CommandRow("chat", "chat:chat", "Ask one question after another, each leaning on the last."),
    CommandRow("rate", "rate:rate", "Say whether an answer was right, and what it should have been."),
    CommandRow("route", "", "Tell kinds of questions apart; each gets its own parts."),
    CommandRow("route train", "route:train", "Learn to tell the kinds of your own questions."),
    CommandRow("route show", "route:tell", "Show which kind a question is, and which parts of a search it would get."),
    CommandRow("questions", "", "Load, draft, review, check and freeze questions."),
    CommandRow(
        "questions load", "questions.main:load", "Bring questions of your own into the set of the knowledge base."
    ),
    CommandRow(
        "questions draft",
        "questions.main:draft",
        "Draft questions from the documents; they wait for wellread questions review.",
    ),
    CommandRow(
        "questions review", "questions.review:review", "Decide on the drafts: accept, edit, reject, skip, quit."
    ),
    CommandRow(
        "questions check",
        "questions.main:check",
        "Look every piece of evidence up in the live documents, and list what went stale.",
    ),
    CommandRow(
        "questions freeze",
        "questions.main:freeze",
        "Split the set by document into train, validation and test, and refuse silent changes from now on.",
    ),
    CommandRow("questions list", "questions.main:list_questions", "List the questions of the set."),
    CommandRow("questions export", "questions.main:export", "Write the set to a file for another tool."),
    CommandRow("eval", "", "Measure how well questions are answered.", default="run"),
    CommandRow(
        "eval run",
        "eval:measure",
        "Measure how well questions are answered, with intervals, as a table and as a gate for CI.",
    ),
    CommandRow("eval list", "eval:list_runs", "List earlier runs: when, what, how many questions, and what came out."),
    CommandRow("compare", "compare:compare", "Measure which way of answering serves best, and say what to do."),
    CommandRow("advise", "advise:advise", "Say which way to teach: by measurement, else a prior."),
    CommandRow("optimise", "optimise:optimise", "Search the best settings by your questions, and propose them."),
    CommandRow("index", "", "Rebuild, compact or re-embed what is searched."),
    CommandRow("index rebuild", "index.main:rebuild", "Build the index again from the store."),
    CommandRow("index compact", "index.main:compact", "Give back the space of deleted passages."),
    CommandRow(
        "index tree", "index.main:tree", "Build the tree of summaries, or bring it in step with documents and settings."
    ),
    CommandRow("index reembed", "index.main:reembed", "Embed everything with the model that is set now."),
    CommandRow("index truncation", "index.chunks:truncation", "Show what embedders would not read of the passages."),
    CommandRow("index presets", "index.chunks:presets", "List the presets of chunk sizes, and what each is for."),
    CommandRow("graph", "", "Find, show and draw the names in the documents."),
    CommandRow("graph build", "graph:build", "Find the names in the documents and what is said between them."),
    CommandRow("graph entities", "graph:entities", "List the names in the documents, those with most passages first."),
    CommandRow(
        "graph show",
        "graph:tell",
        "Show what the documents say of a name, each relation with the place that it comes from.",
    ),
    CommandRow("graph export", "graph:export", "Write the graph as GraphML for other programs, or draw it."),
    CommandRow("models", "", "List, pull, profile, show, use, export and remove models."),
    CommandRow(
        "models list",
        "models.main:list_models",
        "List the models on this machine, those that this base has taught, and those known by name.",
    ),
    CommandRow("models pull", "models.main:pull", "Fetch a model once, after showing its size and licence."),
    CommandRow(
        "models show",
        "models.tuned:show_model",
        "Show a tuned model: its base, data, settings, scores, and what serves it.",
    ),
    CommandRow(
        "models use", "models.tuned:use", "Answer with a tuned model from now on: chat.model in wellread.toml names it."
    ),
    CommandRow(
        "models export",
        "models.tuned:export_model",
        "Write a tuned model for other programs, after trying it against the trained one.",
    ),
    CommandRow(
        "models lineage",
        "models.tuned:lineage",
        "Say which documents a tuned model learned from, or which tuned models learned from a document.",
    ),
    CommandRow(
        "models profile",
        "models.profile:profile",
        "Ask a model two dozen questions that ship with wellread, and keep how it is best asked and checked.",
    ),
    CommandRow("models suggest", "models.suggest:suggest", "Say which of the models at hand to begin with."),
    CommandRow(
        "models remove", "models.main:remove", "Delete a model from this machine, or one that this base has taught."
    ),
    CommandRow("tune", "", "Teach a model from documents and examples, on this machine."),
    CommandRow(
        "tune prepare",
        "tune.prepare:prepare",
        "Turn examples or documents into a data set that can be trusted: checked, split, frozen.",
    ),
    CommandRow("tune pairs", "", "Draw pairs of answers, judge them, and see what the verdicts are worth."),
    CommandRow(
        "tune pairs make", "tune.pairs:make_pairs", "Draw two answers of a way to each question, for a verdict."
    ),
    CommandRow(
        "tune pairs judge",
        "tune.pairs:judge_pairs",
        "Say which of two answers is better: by hand, by rules, or by a model.",
    ),
    CommandRow(
        "tune pairs show",
        "tune.pairs:show_pairs",
        "Show what verdicts are worth: how far raters agree, who gave how many, and whether place decided.",
    ),
    CommandRow(
        "tune estimate",
        "tune.estimate:estimate",
        "Say what a training run will take in time, memory and disk, from a few measured steps; nothing is kept.",
    ),
    CommandRow(
        "tune run",
        "tune.run:run",
        "Train a model on a prepared data set, and keep the weights only if they are better than before.",
    ),
    CommandRow("tune runs", "tune.run:runs", "List the training runs of a base, or show one in full."),
    CommandRow(
        "tune search",
        "tune.search:search",
        "Search learning rate, batch and size within a budget of runs and minutes, and plot what was found.",
    ),
    CommandRow(
        "tune predict",
        "tune.predict:predict",
        "Say the label of each text, the tag of each word, or where the answer to a question stands.",
    ),
    CommandRow(
        "tune launch",
        "tune.launch:launch",
        "Write a training for several processes or machines, and its settings for other trainers.",
    ),
    CommandRow("config", "", "Show, set and check the settings of wellread.toml."),
    CommandRow("config show", "config:show_settings", "Print every setting: value, where it comes from, meaning."),
    CommandRow("config set", "config:set_setting", "Write one setting into wellread.toml."),
    CommandRow("config check", "config:check", "List every fault of wellread.toml and the WELLREAD_ variables."),
    CommandRow("doctor", "doctor:doctor", "Look for what is wrong, and say the cure of each fault."),
    CommandRow("check", "check:check", "Compare everything stored with its checksums."),
    CommandRow("backup", "backup:backup", "Copy the knowledge base, while others keep using it."),
    CommandRow("restore", "restore:restore", "Bring a backup back into an empty folder."),
    CommandRow("tables", "", "List, show, export and query the tables of the documents."),
    CommandRow("tables list", "tables:listed", "List the tables of the documents, with their columns."),
    CommandRow("tables show", "tables:shown", "Show a table with its columns and rows."),
    CommandRow(
        "tables export",
        "tables:export",
        "Write a table to a file: CSV for a spreadsheet, JSON with values, units and places for a program.",
    ),
    CommandRow(
        "tables query",
        "tables:query",
        "Choose rows of a table, or compute one figure of a column, with the cells that it follows from.",
    ),
    CommandRow("tables sql", "tables:sql", "Answer a SELECT over one table, with what each figure follows from."),
    CommandRow("serve", "serve:serve", "Serve the base to programs, assistants and browsers."),
    CommandRow("keys", "", "Make, list and revoke the keys of the server."),
    CommandRow("keys add", "keys:add", "Make a key; it is shown this once."),
    CommandRow("keys list", "keys:listed", "List the keys: whose they are, what they may, when they end."),
    CommandRow("keys revoke", "keys:revoke", "End a key, within a second and for good."),
    CommandRow("jobs", "", "List, show and stop long work, and carry out what waits."),
    CommandRow("jobs list", "jobs:listed", "List long work, the newest first: what, how far, how it ended."),
    CommandRow("jobs show", "jobs:one", "Show a job: what was asked, how far it is, its last words."),
    CommandRow(
        "jobs cancel",
        "jobs:cancel",
        "Stop a job of the queue, or take it out before it begins; what it kept so far stays.",
    ),
    CommandRow(
        "jobs work",
        "jobs:work",
        "Carry out the jobs of the queue, one at a time, until it is stopped; "
        "wellread serve starts a worker by itself.",
    ),
    CommandRow("log", "log:log", "Show what was asked and what was answered."),
)


class LazyCommands(MutableMapping[str, TyperCommand | TyperGroup]):
    """The commands of a group by name; one is loaded when it is looked up, and once."""

    def __init__(self, group: str) -> None:
        lead = f"{group} " if group else ""
        short = [(row.name.removeprefix(lead), row) for row in COMMANDS if row.name.startswith(lead)]
        self.rows = {name: row for name, row in short if " " not in name}
        self._made: dict[str, TyperCommand | TyperGroup] = {}

    def __getitem__(self, name: str) -> TyperCommand | TyperGroup:
        if name not in self._made:
            row = self.rows[name]
            self._made[name] = call.built(name, loaded(row)) if row.place else TableGroup(row)
        return self._made[name]

    def __setitem__(self, name: str, made: TyperCommand | TyperGroup) -> None:
        self._made[name] = made

    def __delitem__(self, name: str) -> None:
        del self.rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def loaded(row: CommandRow) -> call.Command:
    """The command of a row, its module imported."""
    found = plugins.loaded(f"{__package__}.{row.place}")
    if not isinstance(found, call.Command):
        raise TypeError(f"{row.place}: not a command")
    return found


class CommandGroup(TyperGroup):
    """A group that lists its commands from the table, so that help imports none of them."""

    commands: LazyCommands  # type: ignore[assignment]  # a mapping that loads

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # typer's own class, public name
        """The names of the commands in the order of the table."""
        return list(self.commands)

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]  # typer's own class
        """The part «Commands» of the help: a name and its sentence a line."""
        names = list(self.commands)
        width = formatter.width - 6 - max(len(name) for name in names)
        lines = [(name, _short(self.commands.rows[name].sentence, width)) for name in names]
        with formatter.section("Commands"):
            formatter.write_dl(lines)


class TableGroup(CommandGroup):
    """A group of the table; a call of one with a default command may leave its name out."""

    def __init__(self, row: CommandRow) -> None:
        super().__init__(name=row.name, help=row.sentence, rich_markup_mode=None)
        self.commands, self.default = LazyCommands(row.name), row.default

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # typer's own class
        """The arguments, the default command's name before them where they begin with no name."""
        named = not self.default or (args and args[0] in self.commands)
        return super().parse_args(ctx, args if named else [self.default, *args])


def _short(sentence: str, width: int) -> str:
    """The sentence within the width, cut at a word as every list of commands does."""
    return TyperCommand(None, help=sentence).get_short_help_str(width)
