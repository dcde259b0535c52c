//! `entropy:[bytes n,] [offset n,] value …`: how evenly the bytes of a buffer are spread (Shannon 1948, in bits per
//! byte: 0 for one byte repeated, 8 for all 256 equally often).

use super::chain::View;
use super::text::Part;
use crate::detect::integer::Float;
use crate::rules::diagnostic::{Code, Diagnostic};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Entropy {
    offset: usize,
    /// `None`: to the end of the buffer.
    bytes: Option<usize>,
    test: Float,
}

impl Entropy {
    pub(super) fn parse(whole: Part<'_>) -> Result<Self, Diagnostic> {
        let (mut bytes, mut offset, mut value) = (None, None, None);
        for part in whole.split(',') {
            let (word, rest) = part.word();
            let place = match word.text {
                "bytes" => &mut bytes,
                "offset" => &mut offset,
                "value" => &mut value,
                other => {
                    return Err(word.bad(format!("`{other}` is not known here")).help("known: bytes, offset, value"));
                }
            };
            if place.replace(rest).is_some() {
                return Err(Diagnostic::error(Code::Repeated, word.span(), format!("`{}` stands twice", word.text)));
            }
        }
        let Some(value) = value else { return Err(whole.bad("`value` is missing").help("for example `value > 7.5`")) };
        let size = |part: Part<'_>, low| part.integer_in(low, u32::MAX.into()).map(|size| size.unsigned_abs() as usize);
        Ok(Self {
            offset: offset.map_or(Ok(0), |part| size(part, 0))?,
            bytes: bytes.map(|part| size(part, 1)).transpose()?,
            test: Float::parse(value.text).map_err(|problem| value.problem(problem))?,
        })
    }

    /// The entropy, once all the bytes it is computed from are there; `None` before.
    pub(super) fn measure(&self, view: &View<'_>) -> Option<f64> {
        let end = self.bytes.map_or(usize::MAX, |bytes| self.offset.saturating_add(bytes));
        if !view.complete && end > view.data.len() {
            return None;
        }
        let data = view.data.get(self.offset..end.min(view.data.len())).unwrap_or_default();
        Some(shannon(data))
    }

    pub(super) fn passes(&self, entropy: f64) -> bool {
        self.test.matches(entropy)
    }
}

fn shannon(data: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in data {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let size = data.len() as f64;
    counts.iter().filter(|count| **count > 0).fold(0.0, |sum, count| {
        let share = f64::from(*count) / size;
        sum - share * share.log2()
    })
}
