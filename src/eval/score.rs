//! How a model takes a given continuation.

/// A continuation that the model was made to read, token by token: at each it saw the prompt and the
/// expected tokens before, whatever it would have said itself.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Score {
    /// The expected tokens.
    pub expected: Vec<u32>,
    /// The likeliest token in the place of each.
    pub likeliest: Vec<u32>,
    /// Natural logarithm of the probability of each expected token.
    pub log_p: Vec<f64>,
}

impl Score {
    /// `-(1/|t|) sum_j ln p(t_j | prompt, t_<j)`.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "no target has so many tokens")]
    pub fn nll(&self) -> f64 {
        -self.log_p.iter().sum::<f64>() / self.log_p.len() as f64
    }

    /// `exp(-nll)`: the probability of a token, geometric mean.
    #[must_use]
    pub fn probability(&self) -> f64 {
        (-self.nll()).exp()
    }

    /// Share of the tokens that are the likeliest in their place.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        agreement(&self.expected, &self.likeliest)
    }

    /// 1 when all of them are, else 0.
    #[must_use]
    pub fn exact(&self) -> f64 {
        f64::from(u8::from(self.expected == self.likeliest))
    }

    /// Share of the places in which the likeliest token is that of `other`, a score of the same text.
    #[must_use]
    pub fn agreement(&self, other: &Self) -> f64 {
        agreement(&self.likeliest, &other.likeliest)
    }
}

#[expect(clippy::cast_precision_loss, reason = "no target has so many tokens")]
fn agreement(a: &[u32], b: &[u32]) -> f64 {
    a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / a.len() as f64
}
