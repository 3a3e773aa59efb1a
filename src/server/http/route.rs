//! The route table: what each feature exports, what the router serves, what the gate asks and what the API's document
//! says, all from the same rows.

use std::collections::BTreeMap;

use crate::server::refusals::method_not_allowed;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{HttpMessage as _, HttpRequest, Route, guard, web};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::server::http::gate;
use crate::server::http::gate::Access;

/// Adds a type to the document's schemas and returns a reference to it.
pub type SchemaOf = fn(&mut BTreeMap<String, Value>) -> Value;

/// The [`SchemaOf`] of a type.
pub fn schema_of<T: ToSchema>(schemas: &mut BTreeMap<String, Value>) -> Value {
    let mut needed = Vec::new();
    T::schemas(&mut needed);
    needed.push((T::name().into_owned(), T::schema()));
    for (name, schema) in needed {
        let schema = json!(schema);
        debug_assert!(schemas.get(&name).is_none_or(|known| *known == schema), "two types are called {name}");
        schemas.insert(name, schema);
    }
    json!({"$ref": format!("#/components/schemas/{}", T::name())})
}

/// One method on one path.
pub struct Endpoint {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    /// Makes the handler, with middleware of its own if it has any.
    pub handler: fn() -> Route,
    pub doc: Doc,
}

/// What the API's document says of an endpoint, beyond what follows from its access.
#[derive(Clone, Copy)]
pub struct Doc {
    pub tag: &'static str,
    pub summary: &'static str,
    pub params: &'static [Param],
    pub request: Request,
    pub answers: &'static [Answer],
    /// Codes of the errors that the endpoint itself may answer.
    pub errors: &'static [&'static str],
}

#[derive(Clone, Copy)]
pub struct Param {
    pub name: &'static str,
    /// path, query or header
    pub place: &'static str,
    pub what: &'static str,
    /// A JSON type: string, integer or boolean.
    pub kind: &'static str,
}

#[derive(Clone, Copy)]
pub enum Request {
    None,
    Json(SchemaOf),
    /// multipart/form-data with these parts
    Form(&'static [Part]),
    /// The file itself
    Raw,
    /// The handshake of a WebSocket
    Socket,
}

/// A part of a form.
#[derive(Clone, Copy)]
pub struct Part {
    pub name: &'static str,
    pub what: &'static str,
    pub kind: PartKind,
    pub required: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PartKind {
    File,
    /// Any number of parts of this name, each a file
    Files,
    Text,
    Number,
}

#[derive(Clone, Copy)]
pub struct Answer {
    pub status: u16,
    pub what: &'static str,
    pub content: Content,
}

#[derive(Clone, Copy)]
pub enum Content {
    None,
    Json(SchemaOf),
    /// One of these media types
    Media(&'static [&'static str]),
}

/// The route of a request as the table writes it, for logs and metrics: it holds no token and no name.
#[derive(Clone, Copy)]
pub struct Matched(pub &'static str);

/// Registers all endpoints: each path with its methods, HEAD beside every GET that changes nothing, and 405 with `Allow`
/// for the rest.
pub fn register(endpoints: &'static [Endpoint], config: &mut web::ServiceConfig) {
    let mut paths: Vec<&'static str> = endpoints.iter().map(|endpoint| endpoint.path).collect();
    paths.dedup();
    for path in paths {
        let mut resource = web::resource(path);
        let mut methods = Vec::new();
        for endpoint in endpoints.iter().filter(|endpoint| endpoint.path == path) {
            methods.push(endpoint.method.as_str());
            let route = match endpoint.answers_head() {
                true => {
                    methods.push("HEAD");
                    (endpoint.handler)().guard(guard::Any(guard::Get()).or(guard::Head()))
                }
                false => (endpoint.handler)().method(endpoint.method.clone()),
            };
            let access = endpoint.access;
            resource = resource.route(route.wrap(from_fn(move |req: ServiceRequest, next| {
                req.extensions_mut().insert(Matched(path));
                gate::gate(access, req, next)
            })));
        }
        let allow = methods.join(", ");
        resource = resource.default_service(web::to(move |req: HttpRequest| {
            req.extensions_mut().insert(Matched(path));
            let allow = allow.clone();
            async move { Err::<&str, _>(method_not_allowed(allow)) }
        }));
        config.service(resource);
    }
}

impl Endpoint {
    /// Whether HEAD is answered like GET, without the body: where a GET has no effect and no row of the table says else.
    pub fn answers_head(&self) -> bool {
        self.method == Method::GET
            && !matches!(self.access, Access::Token | Access::Client)
            && !matches!(self.doc.request, Request::Socket)
    }
}
