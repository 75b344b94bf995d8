//! `diff`: two versions compared: facts, weights, behaviour.
/// How two versions differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DiffReport {
    /// The version compared with.
    pub from: Id<Commit>,
    /// The version compared.
    pub to: Id<Commit>,
    /// Facts that differ.
    pub facts: Vec<FactChange>,
    /// IRIs whose words differ.
    pub words: u64,
    /// Tensors that differ; `None` when not asked for.
    pub weights: Option<Vec<TensorDiff>>,
    /// What the versions answer; `None` when not asked for.
    pub behaviour: Option<Vec<BehaviourRow>>,
}

/// How a tensor differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TensorDiff {
    /// Name in the checkpoint.
    pub name: String,
    /// Output width.
    pub outputs: u64,
    /// Input width.
    pub inputs: u64,
    /// Most linearly independent rows the difference can have: columns live in one version only.
    pub rank: u64,
    /// Frobenius norm of the exact difference.
    pub norm: f64,
    /// That norm over the norm of the tensor in `from`.
    pub relative: f64,
    /// Largest absolute difference of an element.
    pub largest: f64,
    /// Elements that differ after rounding to the checkpoint's dtype.
    pub changed: u64,
}

/// What the two versions answer to one prompt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BehaviourRow {
    /// The prompt.
    pub prompt: String,
    /// The object of the fact the prompt asks for in `from`, if there is one, and what the versions
    /// make of it.
    pub old: Option<Expectation>,
    /// The same for `to`.
    pub new: Option<Expectation>,
    /// What `from` says.
    pub before: Continuations,
    /// What `to` says.
    pub after: Continuations,
}

/// How likely both versions hold a continuation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Expectation {
    /// The continuation.
    pub text: String,
    /// In `from`.
    pub before: Answer,
    /// In `to`.
    pub after: Answer,
}
