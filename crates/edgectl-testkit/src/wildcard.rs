//! Expected text with wildcards.

/// Whether `text` is what `pattern` says: in a line `[..]` stands for any characters, and a line `...` for any lines.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<_>, Vec<_>) = (pattern.lines().collect(), text.lines().collect());
    sequence(&pattern, &text, &|line| *line == "...", &|pattern, line| line_matches(pattern, line))
}

fn line_matches(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split("[..]");
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let parts: Vec<_> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// Matches items one by one; a wildcard takes as few as it can, and more when the rest does not match (as globs do, without recursion).
fn sequence<P, T>(pattern: &[P], items: &[T], is_wildcard: &dyn Fn(&P) -> bool, equal: &dyn Fn(&P, &T) -> bool) -> bool {
    let (mut at_pattern, mut at_item) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at_item < items.len() {
        match pattern.get(at_pattern) {
            Some(wildcard) if is_wildcard(wildcard) => {
                retry = Some((at_pattern + 1, at_item));
                at_pattern += 1;
            }
            Some(expected) if equal(expected, &items[at_item]) => {
                at_pattern += 1;
                at_item += 1;
            }
            _ => match retry {
                Some((after, from)) => {
                    retry = Some((after, from + 1));
                    (at_pattern, at_item) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at_pattern..].iter().all(is_wildcard)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn wildcards_stand_for_text_and_lines() {
        assert!(matches("a\nb\n", "a\nb\n"));
        assert!(matches("took [..] us", "took 12.5 us"));
        assert!(matches("[..]b[..]", "abc"));
        assert!(matches("a\n...\nz", "a\nb\nc\nz"));
        assert!(matches("...\nz\n...", "z"));
        assert!(matches("", ""));
    }

    #[test]
    fn other_text_does_not_match() {
        assert!(!matches("a", "b"));
        assert!(!matches("a", "a\nb"));
        assert!(!matches("a\nb", "a"));
        assert!(!matches("took [..] us", "took 12.5 ms"));
        assert!(!matches("a\n...\nz", "a\nb"));
        assert!(!matches("", "warning"));
    }
}
