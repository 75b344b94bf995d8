//! `bisect`: the commit that made a version bad, step by step or by asking.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{
    commit::Commit,
    engine::{Answer, Progress, Prompt},
    id::Id,
    ledger::{
        LedgerError, OpenEngine, Repo,
        actor::Actor,
        history::bisect::tests_left,
        report::{
            view::{CommitView, FactChange, HeadView},
            wording,
        },
        state::{
            bisection::{Bisection, insert},
            checkout::InTheWay,
            manifest::Manifest,
            open::Ledger,
            roots::BISECTION,
            update::Update,
        },
    },
    store::Head,
};

/// Where a search is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BisectReport {
    /// Where HEAD is now.
    pub head: HeadView,
    /// What is next.
    #[serde(flatten)]
    pub state: BisectState,
    /// Versions asked, in this order; empty where a person or a command tests.
    pub tests: Vec<Test>,
    /// Versions that a command tested, in this order.
    pub runs: Vec<Trial>,
}

/// What a command found out about a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// The version.
    pub commit: Id<Commit>,
    /// What it says of it.
    pub verdict: Verdict,
}

/// Tests a version: its commit, and where it is checked out, if it is. `None` where it gave up.
pub type Tester<'a> = &'a mut dyn FnMut(&CommitView, Option<&Path>) -> Option<Verdict>;

/// What is next in a search.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum BisectState {
    /// There is no search.
    None,
    /// A good or a bad commit has still to be named.
    Waiting {
        /// Whether a bad one is known.
        bad: bool,
        /// How many good ones are.
        good: u64,
    },
    /// This commit is to be tested.
    Test {
        /// The commit.
        commit: Box<CommitView>,
        /// How many commits could be the first bad one.
        suspects: u64,
        /// How many tests it takes at most if none is skipped, this one included.
        tests_left: u32,
    },
    /// The first bad commit is known.
    Found {
        /// The commit.
        commit: Box<CommitView>,
        /// What it changed.
        changes: Vec<FactChange>,
    },
    /// It is one of these: the others could not be tested.
    Ambiguous {
        /// The commits, newest first.
        commits: Vec<CommitView>,
    },
}

/// What one version said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Test {
    /// The version.
    pub commit: Id<Commit>,
    /// Its answer.
    pub answer: Answer,
}

/// What was found out about a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is as it should be.
    Good,
    /// It is not.
    Bad,
    /// It cannot be tested.
    Skip,
}

impl Repo {
    /// Where the search is.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn bisection(&self) -> Result<BisectReport, LedgerError> {
        let ledger = self.read()?;
        let state = ledger.bisection()?.unwrap_or(BisectState::None);
        Ok(BisectReport { head: ledger.head_view()?, state, tests: Vec::new(), runs: Vec::new() })
    }

    /// Begins a search, with a bad commit and good ones if they are known already. With `checkout`
    /// each commit to test is written as `checkout` would and HEAD goes there.
    ///
    /// # Errors
    /// When a search is going on, there is no such revision, or the checkout cannot be written.
    pub fn bisect_start(
        &self,
        actor: &Actor,
        bad: Option<&str>,
        good: &[String],
        checkout: bool,
    ) -> Result<BisectReport, LedgerError> {
        let ledger = self.read()?;
        if ledger.root::<Bisection>(BISECTION)?.is_some() {
            return Err(LedgerError::Bisecting);
        }
        ledger.require_no_task()?;
        let mut bisection = Bisection {
            start: ledger.session.head()?,
            checkout,
            bad: None,
            good: Vec::new(),
            skipped: Vec::new(),
        };
        if let Some(bad) = bad {
            bisection.is_bad(&ledger, ledger.resolve(bad)?)?;
        }
        for good in good {
            bisection.is_good(&ledger, ledger.resolve(good)?)?;
        }
        self.search_on(ledger, actor, None, &bisection)
    }

    /// Says what came of testing the commit that `revision` names.
    ///
    /// # Errors
    /// When no search is going on, there is no such revision, a good commit is no ancestor of the bad
    /// one, or the checkout cannot be written.
    pub fn bisect_mark(
        &self,
        actor: &Actor,
        revision: &str,
        verdict: Verdict,
    ) -> Result<BisectReport, LedgerError> {
        let ledger = self.read()?;
        let was = ledger.root::<Bisection>(BISECTION)?.ok_or(LedgerError::NotBisecting)?;
        ledger.require_no_task()?;
        let id = ledger.resolve(revision)?;
        let mut bisection = was.clone();
        match verdict {
            Verdict::Good => bisection.is_good(&ledger, id)?,
            Verdict::Bad => bisection.is_bad(&ledger, id)?,
            Verdict::Skip => insert(&mut bisection.skipped, id),
        }
        self.search_on(ledger, actor, Some(&was), &bisection)
    }

    /// Goes on with a search by having `test` look at each version, until the first bad commit is known
    /// or `test` gives up. The store is closed meanwhile. Each verdict is recorded as one of a person is.
    ///
    /// # Errors
    /// When no search is going on, it has no two ends, or as [`Repo::bisect_mark`]. What was found out
    /// until then is kept.
    pub fn bisect_by(&self, actor: &Actor, test: Tester<'_>) -> Result<BisectReport, LedgerError> {
        let mut report = self.bisection()?;
        let mut runs = Vec::new();
        match &report.state {
            BisectState::None => return Err(LedgerError::NotBisecting),
            BisectState::Waiting { bad, good } => {
                return Err(LedgerError::NoEnds { bad: *bad, good: *good > 0 });
            }
            _ => {}
        }
        while let BisectState::Test { commit, .. } = &report.state {
            let id = commit.id;
            let dir = self.test_dir(actor, id)?;
            let Some(verdict) = test(commit, dir.as_deref()) else { break };
            runs.push(Trial { commit: id, verdict });
            report = self.bisect_mark(actor, &id.to_string(), verdict)?;
        }
        Ok(BisectReport { runs, ..report })
    }

    /// Where the commit `id`, which is to be tested, is checked out: there again if something else is by
    /// now. `None` for a search that checks nothing out.
    fn test_dir(&self, actor: &Actor, id: Id<Commit>) -> Result<Option<PathBuf>, LedgerError> {
        let ledger = self.read()?;
        let bisection = ledger.root::<Bisection>(BISECTION)?.ok_or(LedgerError::NotBisecting)?;
        if !bisection.checkout {
            return Ok(None);
        }
        let dir = self.checkout_dir();
        if Manifest::read(&dir).is_none_or(|manifest| manifest.commit != id) {
            self.search_on(ledger, actor, Some(&bisection), &bisection)?;
        }
        Ok(Some(dir))
    }

    /// Ends a search: HEAD goes back to where it was.
    ///
    /// # Errors
    /// When no search is going on or the checkout cannot be written.
    pub fn bisect_reset(&self, actor: &Actor) -> Result<BisectReport, LedgerError> {
        let ledger = self.read()?;
        let was = ledger.root::<Bisection>(BISECTION)?.ok_or(LedgerError::NotBisecting)?;
        ledger.require_no_task()?;
        let head = ledger.session.head()?;
        let start = match &was.start {
            // A branch that was deleted meanwhile cannot be gone back to.
            Head::Branch(name) if ledger.branch_at(name)?.is_none() => head.clone(),
            start => start.clone(),
        };
        let id = match &start {
            Head::Branch(name) => ledger.branch(name)?,
            Head::Detached(id) => *id,
        };
        let update = Update::default().rooting(BISECTION, Some(&was), None).heading(head, start);
        drop(ledger);
        self.go_to(actor, update, was.checkout.then_some(id), BisectState::None)
    }

    /// Stores what is known now and goes to the next commit to test.
    fn search_on(
        &self,
        ledger: Ledger<'_>,
        actor: &Actor,
        was: Option<&Bisection>,
        bisection: &Bisection,
    ) -> Result<BisectReport, LedgerError> {
        let state = state(&ledger, bisection)?;
        let mut update = Update::default().rooting(BISECTION, was, Some(bisection));
        let mut checkout = None;
        if let BisectState::Test { commit, .. } = &state
            && bisection.checkout
        {
            checkout = Some(commit.id);
            update = update.heading(ledger.session.head()?, Head::Detached(commit.id));
        }
        drop(ledger);
        self.go_to(actor, update, checkout, state)
    }

    /// Makes `change`, and with it the checkout of a commit if there is to be one.
    fn go_to(
        &self,
        actor: &Actor,
        update: Update,
        checkout: Option<Id<Commit>>,
        state: BisectState,
    ) -> Result<BisectReport, LedgerError> {
        let ledger = match checkout {
            None => {
                let ledger = self.read()?;
                update.apply(&ledger, actor)?;
                ledger
            }
            Some(id) => {
                let dir = self.checkout_dir();
                let filled = self.fill_checkout(id, &dir, InTheWay::Refuse)?;
                let ledger = self.read()?;
                update.land(&ledger, actor, filled)?;
                ledger
            }
        };
        Ok(BisectReport { head: ledger.head_view()?, state, tests: Vec::new(), runs: Vec::new() })
    }

    /// Finds the first commit after `good`, on the way to `bad`, that does not answer `probe` as `good`
    /// does: with what is expected, or with something else. Of n commits between them about log₂ n
    /// are built and asked, and the two ends. Nothing is stored, and HEAD stays where it is.
    ///
    /// # Errors
    /// When there is no such revision, `good` is no ancestor of `bad`, both ends answer alike, weights
    /// are damaged, or the model fails.
    pub fn bisect_run(
        &self,
        probe: &Prompt,
        (good, bad): (&str, &str),
        open: OpenEngine<'_>,
        progress: &mut dyn Progress,
    ) -> Result<BisectReport, LedgerError> {
        let ledger = self.read()?;
        let (good, mut bad) = (ledger.resolve(good)?, ledger.resolve(bad)?);
        ledger.require_before(good, bad)?;
        let mut cleared: BTreeSet<Id<Commit>> = [good].into();
        let suspects = ledger.suspects(&cleared, bad)?.len();
        drop(ledger);
        let total = u64::from(tests_left(suspects)) + 2;
        progress.start("bisect", Some(total));
        let mut engine = self.engine(open)?;
        let mut tests: Vec<Test> = Vec::new();
        let mut ask = |commit: Id<Commit>| -> Result<bool, LedgerError> {
            engine.set_weights(&self.weights_at(commit)?.1)?;
            let answers = engine.answer(std::slice::from_ref(probe), &mut crate::engine::Silent)?;
            let answer = answers.into_iter().next().expect("because there is one for each probe");
            let matches = answer.matches;
            tests.push(Test { commit, answer });
            progress.advance(tests.len() as u64, &format!("{commit:.12}"))?;
            Ok(matches)
        };
        let wanted = ask(good)?;
        if ask(bad)? == wanted {
            let prompt = probe.prompt.clone();
            return Err(LedgerError::SameAnswer { good, bad, prompt, expected: wanted });
        }
        loop {
            let ledger = self.read()?;
            let next = ledger.suspects(&cleared, bad)?.middle(&BTreeSet::new());
            drop(ledger);
            match next {
                None => break,
                Some(next) if ask(next)? == wanted => drop(cleared.insert(next)),
                Some(next) => bad = next,
            }
        }
        progress.finish("");
        let ledger = self.read()?;
        let (head, state) = (ledger.head_view()?, found(&ledger, bad)?);
        Ok(BisectReport { head, state, tests, runs: Vec::new() })
    }
}

impl Ledger<'_> {
    /// Where the search is that is going on.
    pub(super) fn bisection(&self) -> Result<Option<BisectState>, LedgerError> {
        let bisection = self.root::<Bisection>(BISECTION)?;
        bisection.map(|bisection| state(self, &bisection)).transpose()
    }
}

fn state(ledger: &Ledger<'_>, bisection: &Bisection) -> Result<BisectState, LedgerError> {
    let good = bisection.good();
    let Some(bad) = bisection.bad.filter(|_| !good.is_empty()) else {
        return Ok(BisectState::Waiting { bad: bisection.bad.is_some(), good: good.len() as u64 });
    };
    let suspects = ledger.suspects(&good, bad)?;
    if suspects.len() == 1 {
        return found(ledger, bad);
    }
    if let Some(id) = suspects.middle(&bisection.skipped()) {
        return Ok(BisectState::Test {
            commit: Box::new(ledger.commit_view(id, &ledger.commit(id)?)?),
            suspects: suspects.len() as u64,
            tests_left: tests_left(suspects.len()),
        });
    }
    let mut commits = Vec::new();
    for id in suspects.ids() {
        commits.push(ledger.commit_view(id, &ledger.commit(id)?)?);
    }
    Ok(BisectState::Ambiguous { commits })
}

fn found(ledger: &Ledger<'_>, id: Id<Commit>) -> Result<BisectState, LedgerError> {
    let commit = ledger.commit(id)?;
    let mut changes = Vec::new();
    if let Some(parent) = commit.parents.first() {
        let (lexicon, before) = (ledger.lexicon(&commit), ledger.commit(*parent)?.facts);
        changes = wording::fact_changes(ledger, &lexicon, before, commit.facts)?;
    }
    Ok(BisectState::Found {
        commit: Box::new(ledger.commit_view(id, &commit)?),
        changes: changes.into_iter().map(|(_, change)| change).collect(),
    })
}
