//! Token rows of different lengths in one tensor.

use tch::{Device, Kind, Tensor};

use super::attention::causal;

/// On which side short rows are filled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Before the first token, so that all rows end together.
    Left,
    /// After the last token, so that all rows begin together.
    Right,
}

/// Rows of tokens, filled up to the longest.
#[derive(Debug)]
pub struct Batch {
    /// Token ids, `[rows, tokens]`, 0 where filled up.
    pub ids: Tensor,
    /// Position of each token in its row, `[rows, tokens]`, 0 where filled up.
    pub positions: Tensor,
    /// Mask for [`super::Attention`]; `None` where causal attention never meets the padding.
    pub mask: Option<Tensor>,
    /// Number of tokens of each row.
    pub lengths: Vec<usize>,
    padding: Padding,
}

impl Batch {
    /// Fills `rows` up on one side.
    #[must_use]
    pub fn new(rows: &[Vec<u32>], padding: Padding, device: Device) -> Self {
        let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let shape = [rows.len() as i64, longest as i64];
        let mut ids = vec![0i64; rows.len() * longest];
        let mut positions = ids.clone();
        for (i, row) in rows.iter().enumerate() {
            let start = i * longest + padding.start(longest, row.len());
            for (j, &id) in row.iter().enumerate() {
                ids[start + j] = i64::from(id);
                positions[start + j] = j as i64;
            }
        }
        // Padding on the right lies in every real token's future.
        let filled_left = padding == Padding::Left && lengths.iter().any(|&n| n < longest);
        let mask = filled_left.then(|| left_mask(&lengths, longest as i64, device));
        Self {
            ids: Tensor::from_slice(&ids).view(shape).to_device(device),
            positions: Tensor::from_slice(&positions).view(shape).to_device(device),
            mask,
            lengths,
            padding,
        }
    }

    /// Column of the last token of each row.
    #[must_use]
    pub fn last(&self) -> Vec<usize> {
        let longest = self.lengths.iter().copied().max().unwrap_or(0);
        let start = |&n: &usize| self.padding.start(longest, n);
        self.lengths.iter().map(|n| (start(n) + n).saturating_sub(1)).collect()
    }

    /// True where a column of `rows` left-filled rows holds a token, `[rows, 1, 1, tokens]`.
    pub(super) fn real(&self) -> Tensor {
        let tokens = self.ids.size()[1];
        real(&self.lengths, tokens, self.ids.device())
    }
}

impl Padding {
    fn start(self, longest: usize, length: usize) -> usize {
        match self {
            Self::Left => longest - length,
            Self::Right => 0,
        }
    }
}

fn real(lengths: &[usize], longest: i64, device: Device) -> Tensor {
    let starts: Vec<i64> = lengths.iter().map(|&n| longest - n as i64).collect();
    let starts = Tensor::from_slice(&starts).to_device(device).view([-1, 1, 1, 1]);
    Tensor::arange(longest, (Kind::Int64, device)).view([1, 1, 1, -1]).ge_tensor(&starts)
}

/// Causal, without the padding; the padding itself sees itself, so that no row is empty.
fn left_mask(lengths: &[usize], longest: i64, device: Device) -> Tensor {
    let own = Tensor::eye(longest, (Kind::Bool, device)).view([1, 1, longest, longest]);
    real(lengths, longest, device).logical_and(&causal(longest, longest, device)).logical_or(&own)
}
