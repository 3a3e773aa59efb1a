//! Users as rows.

use crate::server::features::accounts::refusals::{
    EMAIL_TAKEN, INVALID_EMAIL, INVALID_USERNAME, USERNAME_TAKEN, WEAK_PASSWORD, WRONG_PASSWORD,
};
use std::net::IpAddr;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::server::auth::{Role, end_sessions_of, password};
use crate::server::db::schema::{known_networks, users};
use crate::server::db::{Conn, unique_violation};
use crate::server::error::{Error, Result};
use crate::server::features::links;

/// A username that keeps the rules: 3 to 64 letters, digits and `._-`, all ASCII, so that no two look alike; the first is a
/// letter or digit, so that none looks like an option or a path.
#[derive(Clone, Debug)]
pub struct Username(String);

impl TryFrom<String> for Username {
    type Error = Error;

    fn try_from(name: String) -> Result<Self> {
        let name = narrow(&name);
        match is_username(&name) && name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            true => Ok(Username(name)),
            false => Err(INVALID_USERNAME),
        }
    }
}

fn is_username(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (3..=64).contains(&name.len()) && name.chars().all(allowed)
}

/// The wide forms of ASCII, which East Asian keyboards write, as ASCII (RFC 8265 section 3.3.2, rule 1).
fn narrow(name: &str) -> String {
    let narrow = |c: char| match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        c => c,
    };
    name.chars().map(narrow).collect()
}

/// The one form of all spellings of a username: what is unique, looked up, throttled and written down (RFC 8265 section
/// 3.3, "UsernameCaseMapped", for names that are ASCII). `None` for what can be no username.
pub fn canonical(name: &str) -> Option<String> {
    // Nothing longer can become short enough: one character becomes one byte.
    let name = (name.len() <= 3 * 64).then(|| narrow(name))?;
    is_username(&name).then(|| name.to_ascii_lowercase())
}

/// An email address as browsers accept it (WHATWG HTML, "valid email address"), with RFC 5321's 254 characters at most.
#[derive(Clone, Debug)]
pub struct Email(String);

impl TryFrom<String> for Email {
    type Error = Error;

    fn try_from(address: String) -> Result<Self> {
        let valid = address.len() <= 254
            && address.split_once('@').is_some_and(|(local, domain)| {
                let atom = |c: char| c.is_ascii_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c);
                let label = |label: &str| {
                    (1..=63).contains(&label.len())
                        && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                        && !label.starts_with('-')
                        && !label.ends_with('-')
                };
                !local.is_empty() && local.chars().all(atom) && domain.split('.').all(label)
            });
        if valid { Ok(Email(address)) } else { Err(INVALID_EMAIL) }
    }
}

/// A password of a length that is neither guessed nor a burden.
pub struct NewPassword(String);

impl NewPassword {
    pub fn into_inner(self) -> String {
        self.0
    }
}

impl TryFrom<String> for NewPassword {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        match password::LENGTH.contains(&password::prepared(&text).chars().count()) {
            true => Ok(NewPassword(text)),
            false => Err(WEAK_PASSWORD),
        }
    }
}

/// What of a user is shown in lists.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct User {
    pub id: String,
    pub username: String,
    pub email: String,
    pub role: String,
    pub created_at: NaiveDateTime,
    pub disabled_at: Option<NaiveDateTime>,
}

/// What a login is checked against.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct Login {
    pub id: String,
    pub username: String,
    pub password_hash: String,
    pub role: String,
    pub disabled_at: Option<NaiveDateTime>,
}

impl Username {
    fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Email {
    /// The form in which it is unique. Both parts are ASCII.
    fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

/// Adds a user and returns the id.
///
/// # Errors
/// [`USERNAME_TAKEN`], [`EMAIL_TAKEN`].
pub fn add(
    conn: &mut Conn,
    name: &Username,
    email: &Email,
    hash: &str,
    role: Role,
    self_made: bool,
    now: NaiveDateTime,
) -> Result<String> {
    let id = crate::server::id::new();
    conn.insert(
        users::table,
        (
            users::id.eq(&id),
            users::username.eq(&name.0),
            users::username_key.eq(name.key()),
            users::email.eq(&email.0),
            users::email_key.eq(email.key()),
            users::password_hash.eq(hash),
            users::role.eq(role.as_str()),
            users::created_at.eq(now),
            users::self_made.eq(self_made),
        ),
    )
    .map_err(|error| match unique_violation(&error) {
        Some(constraint) if constraint.contains("username") => USERNAME_TAKEN,
        Some(constraint) if constraint.contains("email") => EMAIL_TAKEN,
        _ => error.into(),
    })?;
    Ok(id)
}

/// Whether the name or the address is taken: asked before the password is hashed, so that a taken one costs nothing.
pub fn check_free(conn: &mut Conn, name: &Username, email: &Email) -> Result<()> {
    let taken = |found: i64| found > 0;
    if taken(conn.first(users::table.filter(users::username_key.eq(name.key())).count())?) {
        return Err(USERNAME_TAKEN);
    }
    if taken(conn.first(users::table.filter(users::email_key.eq(email.key())).count())?) {
        return Err(EMAIL_TAKEN);
    }
    Ok(())
}

/// The login of a user by any spelling of the name.
pub fn login_of(conn: &mut Conn, name: &str) -> Result<Option<Login>> {
    let Some(key) = canonical(name) else { return Ok(None) };
    Ok(conn.first(users::table.filter(users::username_key.eq(key)).select(Login::as_select())).optional()?)
}

/// A user by any spelling of the name.
pub fn find(conn: &mut Conn, name: &str) -> Result<Option<User>> {
    let Some(key) = canonical(name) else { return Ok(None) };
    Ok(conn.first(users::table.filter(users::username_key.eq(key)).select(User::as_select())).optional()?)
}

/// Networks of a user that are remembered.
const NETWORKS: i64 = 20;

/// Whether the user has signed in from `network` before.
pub fn is_known_from(conn: &mut Conn, user: &str, network: IpAddr) -> Result<bool> {
    let row = known_networks::table.find((user, network.to_string()));
    Ok(conn.first::<_, String>(row.select(known_networks::network)).optional()?.is_some())
}

/// Remembers that the user has signed in from `network`, and forgets the oldest.
pub fn remember_network(conn: &mut Conn, user: &str, network: IpAddr, now: NaiveDateTime) -> Result<()> {
    let network = network.to_string();
    if conn.update(known_networks::table.find((user, &network)), known_networks::seen_at.eq(now))? > 0 {
        return Ok(());
    }
    let row = (known_networks::user_id.eq(user), known_networks::network.eq(&network), known_networks::seen_at.eq(now));
    conn.insert(known_networks::table, row)?;
    let of_user = known_networks::table.filter(known_networks::user_id.eq(user));
    let old: Vec<String> = of_user
        .order((known_networks::seen_at.desc(), known_networks::network))
        .offset(NETWORKS)
        .limit(NETWORKS)
        .select(known_networks::network)
        .load(conn)?;
    diesel::delete(
        known_networks::table.filter(known_networks::user_id.eq(user)).filter(known_networks::network.eq_any(old)),
    )
    .execute(conn)?;
    Ok(())
}

/// Puts another hash of the same password in the place of `old`, if that still stands.
pub fn rehash(conn: &mut Conn, id: &str, hash: &str, old: &str) -> Result<()> {
    conn.update(users::table.find(id).filter(users::password_hash.eq(old)), users::password_hash.eq(hash))?;
    Ok(())
}

pub fn by_id(conn: &mut Conn, id: &str) -> Result<Option<User>> {
    Ok(conn.first(users::table.find(id).select(User::as_select())).optional()?)
}

pub fn list(conn: &mut Conn) -> Result<Vec<User>> {
    Ok(users::table.order(users::username_key).select(User::as_select()).load(conn)?)
}

/// Changes the password and ends all sessions and links. With `old`, only while that hash still stands: of two changes at once the
/// second finds another hash than the one it was checked against.
pub fn set_password(conn: &mut Conn, id: &str, hash: &str, old: Option<&str>) -> Result<()> {
    let changed = match old {
        Some(old) => {
            conn.update(users::table.find(id).filter(users::password_hash.eq(old)), users::password_hash.eq(hash))?
        }
        None => conn.update(users::table.find(id), users::password_hash.eq(hash))?,
    };
    if changed == 0 {
        return Err(WRONG_PASSWORD);
    }
    end_rights_of(conn, id)
}

/// Changes the role and ends all sessions and links. Whoever does that knows whose account it is, also one that was self-made.
pub fn set_role(conn: &mut Conn, id: &str, role: Role) -> Result<()> {
    conn.update(users::table.find(id), (users::role.eq(role.as_str()), users::self_made.eq(false)))?;
    end_rights_of(conn, id)
}

/// Disables (with a time) or enables (with none) and ends all sessions and links.
pub fn set_disabled(conn: &mut Conn, id: &str, at: Option<NaiveDateTime>) -> Result<()> {
    conn.update(users::table.find(id), users::disabled_at.eq(at))?;
    end_rights_of(conn, id)
}

/// Whoever was signed in with what a user may do until now is not any more, and the links end that were minted with it.
fn end_rights_of(conn: &mut Conn, id: &str) -> Result<()> {
    links::model::revoke_minted_by(conn, id)?;
    end_sessions_of(conn, id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames() {
        for good in ["ann", "Ann.Smith-2_x", &"a".repeat(64)] {
            assert!(Username::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", "ab", &"a".repeat(65), "ann smith", "ann@x", "анна", "a/b", "ann\n"] {
            assert!(Username::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        for bad in ["--help", "...", "-rf", ".ssh", "_ann"] {
            assert!(Username::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        assert_eq!(Username::try_from("Ａｎｎ１".to_owned()).unwrap().as_str(), "Ann1");
    }

    #[test]
    fn spellings_of_one_name_have_one_form() {
        for spelling in ["Mark-K", "mark-k", "MARK-K", "ｍａｒｋ－ｋ", "Ｍark-Ｋ"] {
            assert_eq!(canonical(spelling).as_deref(), Some("mark-k"), "{spelling}");
        }
        // KELVIN SIGN, LATIN SMALL LETTER LONG S, dotted and dotless I: lower or upper case of theirs is ASCII.
        for other in
            ["mar\u{212A}-k", "ma\u{17F}k", "\u{130}an", "\u{131}an", "m\u{430}rk-k", " mark-k", "mark-k\0", ""]
        {
            assert_eq!(canonical(other), None, "{other:?}");
        }
    }

    proptest::proptest! {
        /// Whatever is folded to a name by any rule of Unicode is that name, or none.
        #[test]
        fn no_two_spellings_have_two_forms(name in "[a-z0-9][a-z0-9._-]{2,20}", picks in proptest::collection::vec(0..6_u8, 21)) {
            let spelt = |(c, pick): (char, &u8)| match (c, pick) {
                (c, 1) => c.to_ascii_uppercase(),
                (c, 2) if c.is_ascii_graphic() => char::from_u32(u32::from(c) + 0xFEE0).unwrap(),
                (c, 3) if c.is_ascii_graphic() => char::from_u32(u32::from(c.to_ascii_uppercase()) + 0xFEE0).unwrap(),
                ('k', 4) => '\u{212A}',
                ('s', 4) => '\u{17F}',
                ('i', 4) => '\u{130}',
                ('i', 5) => '\u{131}',
                (c, _) => c,
            };
            let spelling: String = name.chars().zip(&picks).map(spelt).collect();
            let form = canonical(&spelling);
            proptest::prop_assert!(form.is_none() || form.as_deref() == Some(name.as_str()), "{spelling:?}: {form:?}");
            proptest::prop_assert_eq!(form.is_none(), spelling.chars().any(|c| "\u{212A}\u{17F}\u{130}\u{131}".contains(c)));
        }
    }

    #[test]
    fn emails() {
        for good in ["ann@example.org", "a.b+c@x.y", "o'neil@sub.example.co.uk"] {
            assert!(Email::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in [
            "",
            "ann",
            "@x.y",
            "ann@",
            "ann@@x.y",
            "a b@x.y",
            "ann@-x.y",
            "ann@x..y",
            "ann@x.y\r\nBcc: z",
            &format!("{}@x.y", "a".repeat(300)),
        ] {
            assert!(Email::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn password_lengths_count_characters() {
        assert!(NewPassword::try_from("ąęółżźćń".to_owned()).is_ok());
        assert!(NewPassword::try_from("ąęółżźć".to_owned()).is_err());
        assert!(NewPassword::try_from("x".repeat(1024)).is_ok());
        assert!(NewPassword::try_from("x".repeat(1025)).is_err());
    }
}
