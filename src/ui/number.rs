//! Numbers for people.

/// `1,234,567`
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 sample`, `1,234 samples`
pub(crate) fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

/// `812 B`, `11.3 KiB`, `4.2 MiB`
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 3] = ["KiB", "MiB", "GiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1024.0;
    let mut unit = UNITS[0];
    for &next in &UNITS[1..] {
        if value < 1023.95 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

/// A time as `812 ns`, `12.3 us`, `4.56 ms`, `7.89 s`
pub(crate) fn micros(us: f64) -> String {
    let (factor, unit) = time_unit(us);
    format!("{} {unit}", three_digits(us * factor))
}

/// The range of a time, in the unit in which [`micros`] shows it: `(4.10-5.20)`
pub(crate) fn range_of(us: f64, low: f64, high: f64) -> String {
    let (factor, _) = time_unit(us);
    format!("({}-{})", three_digits(low * factor), three_digits(high * factor))
}

fn time_unit(us: f64) -> (f64, &'static str) {
    match us {
        us if us < 1.0 => (1e3, "ns"),
        us if us < 1e3 => (1.0, "us"),
        us if us < 1e6 => (1e-3, "ms"),
        _ => (1e-6, "s"),
    }
}

/// Three significant digits, and all before the point.
pub(crate) fn three_digits(value: f64) -> String {
    let digits = match value.abs() {
        large if large >= 99.95 => 0,
        large if large >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}

/// A share as `86.67 %`
pub(crate) fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

/// A difference of shares as `+0.33 points` or `-0.33 points`
pub(crate) fn percent_points(difference: f64) -> String {
    // No minus sign before a zero.
    let points = (difference * 10_000.0).round() / 100.0 + 0.0;
    format!("{points:+.2} points")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([counted(1, "sample"), counted(1000, "sample")], ["1 sample", "1,000 samples"]);
        assert_eq!([1023, 1024, 11_571, 1_048_575, 1_048_576].map(bytes), ["1023 B", "1.0 KiB", "11.3 KiB", "1.0 MiB", "1.0 MiB"]);
        assert_eq!(
            [0.4, 9.994, 12.34, 99.96, 999.0, 4560.0, 7.89e6].map(micros),
            ["400 ns", "9.99 us", "12.3 us", "100 us", "999 us", "4.56 ms", "7.89 s"]
        );
        assert_eq!(range_of(4560.0, 4100.0, 15_200.0), "(4.10-15.2)");
        assert_eq!(percent(0.866_66), "86.67 %");
        assert_eq!([0.0, -0.000_001, 0.0033, -0.05].map(percent_points), ["+0.00 points", "+0.00 points", "+0.33 points", "-5.00 points"]);
    }
}
