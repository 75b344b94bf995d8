//! `gc`: removes what is no longer reachable.

use serde::Serialize;

use crate::{
    engine::Progress,
    ledger::{LedgerError, Repo, actor::Actor},
    store::gc::{self, Collect, Collected, Reason},
};

const DAY: i64 = 24 * 60 * 60 * 1000;

/// How `gc` is run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GcOptions {
    /// Days for which what operations can bring back is kept, in place of the repository's.
    pub keep_days: Option<u32>,
    /// Remove z vectors that no history needs as well.
    pub z: bool,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// What `gc` removed and what it kept, or would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GcReport {
    /// Whether nothing was removed because that was only to be seen.
    pub dry_run: bool,
    /// What keeps objects.
    pub kept: Vec<Kept>,
    /// What operations since this moment refer to is kept, in milliseconds since 1970-01-01T00:00:00Z;
    /// `None` where nothing was to be kept for them.
    pub since: Option<i64>,
    /// The first operation that can be undone for sure: what earlier ones refer to may be gone.
    pub first_operation: u64,
    /// Objects removed.
    pub objects: u64,
    /// Tensor files removed.
    pub tensor_files: u64,
    /// Snapshots removed.
    pub snapshots: u64,
    /// Files removed that killed processes had left.
    pub leftovers: u64,
    /// Bytes freed.
    pub freed: u64,
}

/// What keeps objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// `refs`, `operations`, `z vectors`, or the name of what is current besides commits, such as
    /// `stage`.
    pub by: String,
    /// How many objects it keeps that those before it do not.
    pub objects: u64,
}

impl Repo {
    /// Removes what is reachable from no branch, no tag and nothing else, and what no operation of the
    /// last days can bring back.
    ///
    /// # Errors
    /// When another process uses the repository, or something in it is damaged. What is wanted is all
    /// there then.
    pub fn gc(
        &self,
        actor: &Actor,
        options: &GcOptions,
        progress: &mut dyn Progress,
    ) -> Result<GcReport, LedgerError> {
        self.store().make_room();
        let days = options.keep_days.unwrap_or(self.config().keep_days);
        let since = (days > 0).then(|| actor.time.saturating_sub(i64::from(days) * DAY));
        let how = Collect {
            since: since.unwrap_or(i64::MAX),
            z: !options.z,
            dry_run: options.dry_run,
            time: actor.time,
            author: actor.author.clone(),
            command: actor.command.clone(),
            ..Collect::default()
        };
        let mut collect = || {
            let mut say = |what: &str| progress.start(what, None);
            let ledger = self.read()?;
            let (kinds, session) = (ledger.kinds()?, ledger.session);
            let mut collected = gc::collect(self.store(), session, &kinds, &how, &mut say)?;
            let (snapshots, bytes) = self.snapshots().sweep(&collected.live, how.dry_run)?;
            collected.freed += bytes;
            Ok((collected, snapshots))
        };
        let collected: Result<(Collected, u64), LedgerError> =
            if options.dry_run { collect() } else { self.store().alone(collect) };
        let (collected, snapshots) = collected?;
        progress.finish("");
        let kept = collected.kept.into_iter();
        Ok(GcReport {
            dry_run: options.dry_run,
            kept: kept.map(|(reason, objects)| Kept { by: name(reason), objects }).collect(),
            since,
            first_operation: collected.since.max(1),
            objects: collected.objects,
            tensor_files: collected.tensor_files,
            snapshots,
            leftovers: collected.leftovers,
            freed: collected.freed,
        })
    }
}

fn name(reason: Reason) -> String {
    match reason {
        Reason::Refs => "refs".to_owned(),
        Reason::Operations => "operations".to_owned(),
        Reason::Z => "z vectors".to_owned(),
        Reason::Root(name) => name,
    }
}
