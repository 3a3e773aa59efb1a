//! Both ends of an exchange, and test vectors for whoever implements it anew.

use std::collections::VecDeque;

use bytes::Bytes;

use super::*;
use crate::protocol::direct::Message;

fn code(text: &str) -> Code {
    text.parse().unwrap()
}

/// Runs an exchange to its end; what each side has after it.
pub fn run(sender: Secret<'_>, receiver: Secret<'_>) -> Result<(Established, Established), Disagreement> {
    let (mut ann, to_bob) = Exchange::start(Role::Sender, 1, sender);
    let (mut bob, to_ann) = Exchange::start(Role::Receiver, 1, receiver);
    let (mut of_ann, mut of_bob) = (None, None);
    let mut queue = VecDeque::from([(Role::Sender, to_ann), (Role::Receiver, to_bob)]);
    while let Some((to, frame)) = queue.pop_front() {
        let (who, keys) = match to {
            Role::Sender => (&mut ann, &mut of_ann),
            Role::Receiver => (&mut bob, &mut of_bob),
        };
        match who.take(frame)? {
            Step::Ignored => {}
            Step::Reply(frame) => queue.push_back((to.other(), frame)),
            Step::Done(established, frame) => {
                *keys = Some(*established);
                queue.extend(frame.map(|frame| (to.other(), frame)));
            }
        }
    }
    Ok((of_ann.unwrap(), of_bob.unwrap()))
}

#[test]
fn the_same_code_gives_the_same_keys_and_both_ways_differ() {
    let code = code("7-aardvark-yoyo");
    let (mut ann, mut bob) = run(Secret::Code(&code), Secret::Code(&code)).unwrap();
    let sealed = ann.sealer.seal(Message::Alive.encode().unwrap()).unwrap();
    let opened = bob.opener.open(sealed.slice(1..)).unwrap();
    assert_eq!(Message::parse(opened), Some(Message::Alive));
    let reflected = ann.sealer.seal(Message::Alive.encode().unwrap()).unwrap();
    assert!(ann.opener.open(reflected.slice(1..)).is_err(), "what one has said is not what the other says");

    let (again, same) = (ann.master.clone(), bob.master.clone());
    let (mut ann, mut bob) = run(Secret::Master(&again), Secret::Master(&same)).unwrap();
    let next = bob.sealer.seal(Message::Received.encode().unwrap()).unwrap();
    assert_eq!(Message::parse(ann.opener.open(next.slice(1..)).unwrap()), Some(Message::Received));
    assert!(ann.opener.open(sealed.slice(1..)).is_err(), "a frame of the session before");
}

#[test]
fn another_word_or_nameplate_is_noticed_by_the_sender_first() {
    for wrong in ["7-aardvark-zucchini", "7-yoyo-aardvark", "8-aardvark-yoyo"] {
        let (right, wrong) = (code("7-aardvark-yoyo"), code(wrong));
        let (mut ann, to_bob) = Exchange::start(Role::Sender, 1, Secret::Code(&right));
        let (mut bob, to_ann) = Exchange::start(Role::Receiver, 1, Secret::Code(&wrong));
        assert!(matches!(ann.take(to_ann), Ok(Step::Ignored)), "no tag before the receiver's");
        let Ok(Step::Reply(tag)) = bob.take(to_bob) else { panic!("the receiver confirms first") };
        assert!(bob.is_unconfirmed() && !ann.is_unconfirmed());
        assert!(matches!(ann.take(tag), Err(Disagreement::WrongCode)));
    }
}

#[test]
fn reflected_old_and_misplaced_frames_do_not_pass() {
    let code = code("7-aardvark-yoyo");
    let start = |role| Exchange::start(role, 2, Secret::Code(&code));
    let (mut ann, own) = start(Role::Sender);
    assert!(matches!(ann.take(own), Ok(Step::Ignored)));
    // The key of a reflected message is a key, but nobody who has not the code can make its tag.
    assert!(matches!(ann.take(Frame::Confirm { session: 2, tag: [0; 32] }), Err(Disagreement::WrongCode)));

    let (mut bob, _) = start(Role::Receiver);
    let (_, old) = Exchange::start(Role::Sender, 1, Secret::Code(&code));
    assert!(matches!(bob.take(old), Ok(Step::Ignored)));
    assert!(matches!(bob.take(Frame::Sealed(Bytes::new())), Ok(Step::Ignored)), "left over from the session before");
    assert!(matches!(bob.take(Frame::Confirm { session: 2, tag: [0; 32] }), Err(Disagreement::Protocol)));
    let (mut bob, _) = start(Role::Receiver);
    assert!(matches!(bob.take(Frame::Pake { session: 2, message: [0xff; 33] }), Err(Disagreement::Protocol)));
    let (mut bob, _) = start(Role::Receiver);
    assert!(matches!(bob.take(Frame::Resume { session: 2, nonce: [0; 32] }), Err(Disagreement::Unconfirmed)));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// For other implementations: what follows from a SPAKE2 key of 32 bytes 0x0b, and the first two sealed frames. The values
/// were computed with Python's hmac, hashlib and cryptography.
#[test]
fn test_vectors() {
    let master = Master::of_pake(&[0x0b; 32]);
    assert_eq!(hex(&master.to_bytes()), "84e87bdc34f9c3c1da402ba989602b5c4be673bd3e6b7a33b84f97acad47727d");
    assert_eq!(hex(&master.tag(Role::Sender)), "67c191e20ca3525c6f1b49de2534b70a10a7bbd2a22f80afee2d356cadae1971");
    assert_eq!(hex(&master.tag(Role::Receiver)), "08409df3428cb814eaaaac9712b5faea3ddaa6f8cfaaf72d48067188d6729dd5");
    assert_eq!(
        hex(&master.keys(Role::Sender, 1, &[1; 33], &[2; 33])),
        "8399c52a24960bdf22e71b5ce43b49e5ad5211c7afa3a12998c470f6f1830188a89366a994db776d28c72c36"
    );
    let mut ann = master.established(Role::Sender, 1, &[1; 33], &[2; 33]);
    for expected in [
        "047e75abcfcf6026c266e4564abb89fa656e23d756dfbceda243229909a3ca2ce9bf",
        "04f277b6411ca1a47747bb74d7906139367fa26886db4f2cbac7a3c7fbe3f216ae76",
    ] {
        assert_eq!(hex(&ann.sealer.seal(Message::Alive.encode().unwrap()).unwrap()), expected);
    }
}
