//! Numbers on axes and in tooltips.

/// A number in three significant digits, without trailing zeros: `0.0123`, `12.5`, `1.23k`, `4.5M`, `6.02e23`, `1.5e-5`.
pub fn short(value: f64) -> String {
    const STEPS: [(f64, &str); 4] = [(1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")];
    if !value.is_finite() {
        return "–".into();
    }
    // Rounded first, so that 999.9 becomes 1k and not 1000.
    let value: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    let size = value.abs();
    if size == 0.0 {
        return "0".into();
    }
    if !(1e-3..1e12).contains(&size) {
        let text = format!("{value:.2e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", trimmed(digits));
    }
    let (unit, letter) = STEPS.into_iter().find(|&(unit, _)| size >= unit).unwrap_or((1.0, ""));
    let places = (2 - (size / unit).log10().floor() as i32).max(0) as usize;
    format!("{}{letter}", trimmed(&format!("{:.places$}", value / unit)))
}

fn trimmed(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!([0.0, -0.0, 1.0, 12.5, 0.012_34, -0.1].map(short), ["0", "0", "1", "12.5", "0.0123", "-0.1"]);
        assert_eq!([999.0, 999.9, 1234.0, 4.5e6, 1e9, 2e11].map(short), ["999", "1k", "1.23k", "4.5M", "1G", "200G"]);
        assert_eq!([6.02e23, 1.5e-5, f64::NAN, f64::INFINITY].map(short), ["6.02e23", "1.5e-5", "–", "–"]);
    }
}
