//! Markup, and the one place where text becomes markup.

use std::fmt::{self, Display, Formatter};

/// Complete, escaped markup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Html(String);

/// What a cell, a bar or a notice means. It is never said by colour alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tone {
    /// What should not be.
    Bad,
    /// As it should be.
    Good,
    /// Neither.
    #[default]
    Plain,
    /// What deserves a look.
    Warning,
}

impl Html {
    /// Markup that this crate made.
    pub(crate) fn raw(markup: String) -> Html {
        Html(markup)
    }

    /// Text, escaped.
    pub fn text(text: &str) -> Html {
        Html(Escaped(text).to_string())
    }

    /// A paragraph of text.
    pub fn paragraph(text: &str) -> Html {
        Html(format!("<p>{}</p>\n", Escaped(text)))
    }

    /// A list of lines of text; nothing where there are none.
    pub fn list<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> Html {
        let items: String = items.into_iter().map(|item| format!("<li>{}</li>\n", Escaped(item.as_ref()))).collect();
        Html(if items.is_empty() { items } else { format!("<ul>\n{items}</ul>\n") })
    }

    /// A paragraph that stands out: its first words, in bold, then the rest.
    pub fn notice(tone: Tone, first: &str, rest: &str) -> Html {
        Html(format!("<p class=\"notice {}\"><strong>{}</strong> {}</p>\n", tone.class(), Escaped(first), Escaped(rest)))
    }

    /// Something that is shown on demand.
    pub fn details(summary: &str, content: impl IntoIterator<Item = Html>) -> Html {
        let content: Html = content.into_iter().collect();
        Html(format!("<details><summary>{}</summary>\n{content}</details>\n", Escaped(summary)))
    }

    /// The markup.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for Html {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromIterator<Html> for Html {
    fn from_iter<I: IntoIterator<Item = Html>>(parts: I) -> Html {
        Html(parts.into_iter().map(|part| part.0).collect())
    }
}

impl Tone {
    pub(crate) fn class(self) -> &'static str {
        match self {
            Tone::Bad => "bad",
            Tone::Good => "good",
            Tone::Plain => "plain",
            Tone::Warning => "warning",
        }
    }
}

/// Text for an element or a quoted attribute. Characters that cannot stand in HTML, or that turn the direction of what follows, become
/// U+FFFD.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\t' => f.write_char(c)?,
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => f.write_char('\u{fffd}')?,
                c if c.is_control() => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(Html::text("<b a=\"1\">&'").as_str(), "&lt;b a=&quot;1&quot;&gt;&amp;&#39;");
        assert_eq!(Html::text("a\x1b[31m\u{202e}b\n").as_str(), "a\u{fffd}[31m\u{fffd}b\n");
    }
}
