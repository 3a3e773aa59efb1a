//! The frame that all pages share.

use actix_web::HttpResponseBuilder;
use actix_web::http::header::{self, HeaderValue};

use super::assets;
use crate::server::http::headers::PAGE;

/// A page of ours.
pub struct Frame<'a> {
    /// How the page's address leads to the root of the site: `./` or `../`
    pub root: &'static str,
    /// As text; it is escaped here.
    pub title: &'a str,
    /// The asset whose script fills the page.
    pub module: Option<&'static str>,
    /// What is between the header and the end, as HTML.
    pub main: &'a str,
}

impl Frame<'_> {
    pub fn html(&self) -> String {
        let place = |path: &str| format!("{}{}", self.root, assets::path(path));
        let imports = self.module.map(assets::imports).unwrap_or_default();
        let styles = assets::styles(&imports.iter().copied().chain(self.module).collect());
        let styles = styles.map(|path| format!("<link rel=\"stylesheet\" href=\"{}\">\n", place(path)));
        let mut head: String = styles.collect();
        if let Some(module) = self.module {
            // All at once, instead of one round trip for each level of imports.
            for path in imports {
                head += &format!("<link rel=\"modulepreload\" href=\"{}\">\n", place(path));
            }
            head += &format!("<script type=\"module\" src=\"{}\"></script>\n", place(module));
        }
        let icon = place("base/icon.svg");
        let title = escape(self.title);
        fill(
            include_str!("frame.html"),
            &[("title", &title), ("icon", &icon), ("head", head.trim_end()), ("root", self.root), ("main", self.main)],
        )
    }
}

/// Puts values in the place of `{{name}}`s. What a value holds is left as it is: a file may be called `{{name}}`.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut html = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, (name, after))) =
        rest.split_once("{{").and_then(|(before, after)| Some((before, after.split_once("}}")?)))
    {
        html += before;
        html += values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
        rest = after;
    }
    html + rest
}

/// The headers of a page.
pub fn answer(mut response: HttpResponseBuilder) -> HttpResponseBuilder {
    response
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE)))
        .insert_header((header::CACHE_CONTROL, "private, no-store"));
    response
}

/// Text as HTML.
pub fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut html, c| {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
        html
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_templates() {
        let values = [("name", "{{size}}"), ("size", "12")];
        assert_eq!(fill("<b>{{name}}</b> {{size}} {{none}}{{", &values), "<b>{{size}}</b> 12 {{");
    }

    #[test]
    fn a_title_is_text() {
        let frame = Frame { root: "../", title: "</title><script>", module: Some("home/home.js"), main: "" };
        let html = frame.html();
        assert!(html.contains("<title>&lt;/title&gt;&lt;script&gt; – Handover</title>"), "{html}");
        assert!(!html.contains("{{"), "{html}");
    }
}
