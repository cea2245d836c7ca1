//! The page around everything.

use crate::html::{Escaped, Html};

const STYLE: &str = include_str!("style.css");

/// A page: a title, a lead, sections.
#[derive(Clone, Debug)]
pub struct Page {
    title: String,
    lead: String,
    body: Html,
}

impl Page {
    /// A page without sections. The lead says what it is about, in a line.
    pub fn new(title: &str, lead: &str) -> Page {
        Page { title: title.into(), lead: lead.into(), body: Html::default() }
    }

    /// With one more section at its end.
    #[must_use]
    pub fn section(self, heading: &str, content: impl IntoIterator<Item = Html>) -> Page {
        let content: Html = content.into_iter().collect();
        let section = Html::raw(format!("<section>\n<h2>{}</h2>\n{content}</section>\n", Escaped(heading)));
        Page { body: [self.body, section].into_iter().collect(), ..self }
    }

    /// The file.
    pub fn html(&self) -> String {
        let (title, lead, body) = (Escaped(&self.title), Escaped(&self.lead), &self.body);
        // The policy makes the browser hold what this crate promises: nothing is loaded, nothing runs.
        format!(
            "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta name=\"color-scheme\" content=\"light dark\">
<title>{title}</title>
<style>
{STYLE}</style>
</head>
<body>
<main>
<header>
<h1>{title}</h1>
<p class=\"lead\">{lead}</p>
</header>
{body}</main>
</body>
</html>
"
        )
    }
}
