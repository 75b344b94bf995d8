//! Where a z lives.

/// What a δ is added to at the subject's last token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The stream as it leaves the z layer.
    Block,
    /// What the MLP of the z layer adds to the stream. For what follows this is the same, as the MLP's output is
    /// added to the stream; what δ is measured against is another.
    Mlp,
    /// The same, and what its attention adds: two δ, of which z is the MLP's.
    Both,
}

impl Place {
    /// The first block that δ changes, where it is added at this `layer`.
    pub(super) const fn first_block(self, layer: usize) -> usize {
        match self {
            Self::Block | Self::Mlp => layer + 1,
            Self::Both => layer,
        }
    }

    /// Vectors that a row of δ has, one after the other.
    pub(super) const fn vectors(self) -> i64 {
        match self {
            Self::Block | Self::Mlp => 1,
            Self::Both => 2,
        }
    }

    /// Name and version of the search for a z that lives there. It is raised when the same input would give another
    /// vector.
    pub(in crate::editor) const fn search(self) -> (&'static str, u32) {
        match self {
            Self::Block => ("memit", 3),
            Self::Mlp => ("rome", 1),
            Self::Both => ("pmet", 1),
        }
    }
}
