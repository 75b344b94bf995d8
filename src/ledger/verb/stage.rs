//! `stage`: a SPARQL update of the stage.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    add::changes,
    query::{Model, unknown},
};
use crate::{
    codec::{self, Draft},
    commit::Commit,
    engine::Progress,
    fact::{
        AddOutcome, Attribution, Fact, FactTree, Intake, Quoted, Role, Roots, StageError,
        StagedChange, StoredStage, fact_key, is_term,
        read::{Format, Position, read_triples},
        tree,
    },
    id::Id,
    ledger::{
        LedgerError, OpenEngine, Repo,
        actor::Actor,
        history::graphs::{Graphs, VERSION},
        report::view::FactChange,
        state::{open::Ledger, roots::STAGE},
    },
    query::{Answer, How, Limits, ModelCall, QueryError, Step, Text, Update, run},
};

/// Changes that a report lists.
const LISTED: usize = 1000;

/// How an update is staged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageOptions {
    /// What the update is called where a place in it is named.
    pub name: String,
    /// What each of its patterns may use.
    pub limits: Limits,
    /// Whether it is only said what would be staged.
    pub dry_run: bool,
    /// Who or what says the facts, in the user's words.
    pub source: Option<String>,
    /// Under which licence, in the user's words.
    pub licence: Option<String>,
}

/// What an update staged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageReport {
    /// Whether nothing was staged, and all this is what would be.
    pub dry_run: bool,
    /// What became of the facts that come.
    #[serde(flatten)]
    pub added: AddOutcome,
    /// Committed facts that are staged to be taken back.
    pub retracted: u64,
    /// Facts that were staged and are no longer.
    pub unstaged: u64,
    /// Facts that were to go and are not held.
    pub absent: u64,
    /// Facts on the stage now, retractions among them.
    pub staged: u64,
    /// The first of what changed.
    pub changes: Vec<FactChange>,
}

/// Which facts an update has come and go: whether each is there after it.
type Net = BTreeMap<Fact, bool>;

impl Repo {
    /// Stages what an update, whose text is `text`, makes of the facts at HEAD with those that are staged: all of it or
    /// nothing. An engine is opened where a pattern asks the model.
    ///
    /// # Errors
    /// When a pattern fails or goes beyond a limit, words are to go, or facts that come exclude one another.
    pub fn stage_update(
        &self,
        actor: &Actor,
        (text, update): (&str, Update),
        options: &StageOptions,
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<StageReport, LedgerError> {
        let net = self.net(update, options.limits, open, progress)?;
        let ledger = self.read()?;
        let (_, commit) = ledger.head_commit()?;
        let roots = commit.roots();
        let before = ledger.session.root(STAGE)?.map(Id::from_bytes);
        let mut draft = Draft::new(&ledger);
        let held = held(&ledger, &mut draft, roots)?;
        let (mut comes, mut goes, mut absent) = (Vec::new(), Vec::new(), 0);
        for (fact, is_there) in net {
            if is_there {
                comes.push(fact);
            } else if is_held(&draft, held, &fact)? || is_term(&fact.predicate) {
                goes.push(fact);
            } else {
                absent += 1;
            }
        }
        let position = Position { source: options.name.as_str().into(), line: 1, column: None };
        let intake = |facts: Vec<Fact>| {
            let facts = facts.into_iter().map(|fact| Ok((fact, position.clone())));
            Intake::of(facts).map_err(StageError::Read)
        };
        let mut comes = intake(comes)?;
        let quoted = Some(Quoted::Query(text.to_owned()));
        comes.attribute(Attribution { text: quoted, ..Attribution::default() });
        comes.attribute_all(options.source.as_deref(), options.licence.as_deref());
        let mut after = before;
        if !goes.is_empty() {
            after =
                Some(StoredStage::remove(&mut draft, after, roots, intake(goes)?, Role::Edit)?.0);
        }
        let (after, added) = StoredStage::add(&mut draft, after, roots, comes, Role::Edit, true)?;
        let moved = Moved::count(&mut draft, roots.facts, (before, after))?;
        let (draft, changes) = changes(&ledger, draft, (before, after), Role::Edit, LISTED)?;
        let staged = if options.dry_run {
            match before {
                Some(before) => codec::get(&draft, before)?.changes(&draft)?,
                None => 0,
            }
        } else {
            ledger.restage(actor, draft, before, after)?
        };
        let Moved { set, replaced, retracted, unstaged } = moved;
        let added = AddOutcome { added: set - replaced, replaced, ..added };
        let dry_run = options.dry_run;
        Ok(StageReport { dry_run, added, retracted, unstaged, absent, staged, changes })
    }

    /// What an update has come and go in the end.
    fn net(
        &self,
        update: Update,
        limits: Limits,
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Net, LedgerError> {
        let version = self.view()?.head()?;
        let mut model = Model::new(self, version, open, progress);
        let mut net = Net::new();
        for step in update.steps {
            match step {
                Step::Delete(lines) => net.extend(facts(&lines)?.map(|fact| (fact, false))),
                Step::Insert(lines) => net.extend(facts(&lines)?.map(|fact| (fact, true))),
                Step::Where { delete, insert } => {
                    let mut found = Vec::new();
                    for (text, is_there) in [(delete, false), (insert, true)] {
                        if let Some(text) = text {
                            let lines = self.put_together(*text, &net, limits, &mut model)?;
                            found.extend(facts(&lines)?.map(|fact| (fact, is_there)));
                        }
                    }
                    net.extend(found);
                }
            }
        }
        Ok(net)
    }

    /// The triples that a pattern puts together of the facts at HEAD, with those that are staged and `net` on top.
    fn put_together(
        &self,
        text: Text,
        net: &Net,
        limits: Limits,
        model: &mut Model<'_>,
    ) -> Result<Vec<String>, LedgerError> {
        let dataset = {
            let ledger = self.view()?;
            let (_, commit) = ledger.head_commit()?;
            let mut graphs = Graphs::of(&ledger, &commit)?;
            graphs.change(&commit, staged(&ledger, &commit)?.iter().chain(net))?;
            let named: BTreeSet<&String> = text.graphs.iter().chain(&text.sources).collect();
            for name in named {
                let revision = name.strip_prefix(VERSION).ok_or_else(|| unknown(name, &text))?;
                let version = ledger.resolve_named(revision)?;
                graphs.version(name, &ledger.commit(version)?)?;
            }
            graphs.dataset
        };
        let how = How { limits, ..How::default() };
        let mut ask = |asked: &ModelCall| model.ask(asked);
        let answered = run(text, dataset, how, &mut |_| Ok(()), &mut ask);
        if let Err(LedgerError::Query(QueryError::Damaged)) = &answered {
            self.view()?.drop_queried();
        }
        match answered?.answer {
            Answer::Triples(lines) => Ok(lines),
            _ => Ok(Vec::new()),
        }
    }
}

/// How a stage differs from the one before.
#[derive(Default)]
struct Moved {
    /// Facts that are to hold.
    set: u64,
    /// Of these, those in place of another.
    replaced: u64,
    retracted: u64,
    unstaged: u64,
}

impl Moved {
    fn count(
        draft: &mut Draft<'_>,
        held: Id<FactTree>,
        (before, after): (Option<Id<StoredStage>>, Id<StoredStage>),
    ) -> Result<Self, LedgerError> {
        let before = match before {
            Some(before) => codec::get(draft, before)?,
            None => StoredStage::empty(draft),
        };
        let after = codec::get(draft, after)?;
        let mut moved = Self::default();
        for difference in tree::diff(draft, before.changes, after.changes) {
            let (key, _, now) = difference?;
            match now.map(|staged| staged.change) {
                Some(StagedChange::Set(_)) => {
                    moved.set += 1;
                    let was = tree::get(draft, held, fact_key(key))?;
                    moved.replaced += u64::from(was.is_some());
                }
                Some(StagedChange::Retract(_)) => moved.retracted += 1,
                None => moved.unstaged += 1,
            }
        }
        Ok(moved)
    }
}

/// What is staged: which facts come and go.
fn staged(ledger: &Ledger<'_>, commit: &Commit) -> Result<Net, LedgerError> {
    let mut draft = Draft::new(ledger);
    let held = held(ledger, &mut draft, commit.roots())?;
    let mut net = Net::new();
    for difference in tree::diff(&draft, commit.facts, held) {
        let (_, before, after) = difference?;
        net.extend(before.map(|fact| (fact, false)));
        net.extend(after.map(|fact| (fact, true)));
    }
    Ok(net)
}

/// The facts that hold with what is staged.
fn held(
    ledger: &Ledger<'_>,
    draft: &mut Draft<'_>,
    committed: Roots,
) -> Result<Id<FactTree>, LedgerError> {
    Ok(match ledger.stored_stage()? {
        Some(stage) => stage.apply(draft, committed)?.facts,
        None => committed.facts,
    })
}

fn is_held(draft: &Draft<'_>, held: Id<FactTree>, fact: &Fact) -> Result<bool, LedgerError> {
    for key in [fact.key(false), fact.key(true)] {
        if tree::get(draft, held, key)?.as_ref() == Some(fact) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The facts of lines of N-Triples.
fn facts(lines: &[String]) -> Result<impl Iterator<Item = Fact>, LedgerError> {
    let text = lines.join("\n");
    let triples = read_triples(text.as_bytes(), Format::NTriples, "update");
    let facts: Result<Vec<Fact>, _> = triples.map(|triple| triple.map(|(fact, _)| fact)).collect();
    Ok(facts.map_err(StageError::Read)?.into_iter())
}
