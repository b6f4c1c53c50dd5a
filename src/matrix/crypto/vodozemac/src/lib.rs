//! The functions of ../crypto.h over vodozemac. What each does, takes and gives is said there; this file only carries
//! values over. Nothing here may panic on anything that comes in: the build aborts on panics.

use std::ffi::{c_char, c_int, c_void, CStr};

use vodozemac::megolm::{self, InboundGroupSession, InboundGroupSessionPickle, MegolmMessage, SessionKey};
use vodozemac::olm::{self, Account, AccountPickle, OlmMessage, PreKeyMessage, Session, SessionPickle};
use vodozemac::sas::{EstablishedSas, Sas};
use vodozemac::{Curve25519PublicKey, Ed25519PublicKey, Ed25519SecretKey, Ed25519Signature};
use zeroize::Zeroize;

const ENOMEM: c_int = -12;
const EBADMSG: c_int = -74;

const KEY_ID_TEXT: usize = 16;
const SAS_BYTES: usize = 6;
const KEY_TEXT: usize = 44;
const SIGNATURE_TEXT: usize = 87;

#[repr(C)]
pub struct Text {
    data: *mut c_char,
    size: usize,
}

#[repr(C)]
pub struct PublicKey {
    id: [c_char; KEY_ID_TEXT],
    key: [c_char; KEY_TEXT],
}

extern "C" {
    fn malloc(size: usize) -> *mut c_void;
}

/// A function of the interface: what its inner part refuses is a number outside.
fn answer(result: Result<(), c_int>) -> c_int {
    match result {
        Ok(()) => 0,
        Err(code) => code,
    }
}

unsafe fn text<'a>(s: *const c_char) -> Result<&'a str, c_int> {
    CStr::from_ptr(s).to_str().map_err(|_| EBADMSG)
}

unsafe fn bytes<'a>(data: *const c_void, size: usize) -> &'a [u8] {
    if size == 0 {
        return &[];
    }
    std::slice::from_raw_parts(data as *const u8, size)
}

/// Memory of C's allocator, as its owner will free it, with a NUL behind.
unsafe fn give(data: &[u8], ret: *mut Text) -> Result<(), c_int> {
    let copy = malloc(data.len() + 1) as *mut u8;
    if copy.is_null() {
        return Err(ENOMEM);
    }
    std::ptr::copy_nonoverlapping(data.as_ptr(), copy, data.len());
    *copy.add(data.len()) = 0;
    (*ret).data = copy as *mut c_char;
    (*ret).size = data.len();
    Ok(())
}

unsafe fn give_secret(mut data: Vec<u8>, ret: *mut Text) -> Result<(), c_int> {
    let result = give(&data, ret);
    data.zeroize();
    result
}

unsafe fn fill(s: &str, ret: *mut c_char, room: usize) -> Result<(), c_int> {
    if s.len() >= room {
        return Err(EBADMSG);
    }
    std::ptr::copy_nonoverlapping(s.as_ptr() as *const c_char, ret, s.len());
    *ret.add(s.len()) = 0;
    Ok(())
}

unsafe fn secret<'a>(key: *const u8) -> &'a [u8; 32] {
    &*(key as *const [u8; 32])
}

unsafe fn curve(s: *const c_char) -> Result<Curve25519PublicKey, c_int> {
    Curve25519PublicKey::from_base64(text(s)?).map_err(|_| EBADMSG)
}

fn own<T>(v: T) -> *mut T {
    Box::into_raw(Box::new(v))
}

unsafe fn disown<T>(p: *mut T) -> *mut T {
    if !p.is_null() {
        drop(Box::from_raw(p));
    }
    std::ptr::null_mut()
}

#[no_mangle]
pub extern "C" fn crypto_library() -> *const c_char {
    c"vodozemac".as_ptr()
}

// ---- the account ----

#[no_mangle]
pub unsafe extern "C" fn crypto_account_new(ret: *mut *mut Account) -> c_int {
    *ret = own(Account::new());
    0
}

#[no_mangle]
pub unsafe extern "C" fn crypto_account_free(a: *mut Account) -> *mut Account {
    disown(a)
}

#[no_mangle]
pub unsafe extern "C" fn crypto_account_pickle(a: *mut Account, key: *const u8, ret: *mut Text) -> c_int {
    answer(give_secret((*a).pickle().encrypt(secret(key)).into_bytes(), ret))
}

#[no_mangle]
pub unsafe extern "C" fn crypto_account_unpickle(
    ret: *mut *mut Account,
    key: *const u8,
    pickle: *const c_char,
) -> c_int {
    answer(text(pickle).and_then(|pickle| {
        let pickle = AccountPickle::from_encrypted(pickle, secret(key)).map_err(|_| EBADMSG)?;
        *ret = own(Account::from_pickle(pickle));
        Ok(())
    }))
}

#[no_mangle]
pub unsafe extern "C" fn crypto_account_keys(
    a: *mut Account,
    ret_curve25519: *mut c_char,
    ret_ed25519: *mut c_char,
) -> c_int {
    answer(
        fill(&(*a).curve25519_key().to_base64(), ret_curve25519, KEY_TEXT)
            .and_then(|()| fill(&(*a).ed25519_key().to_base64(), ret_ed25519, KEY_TEXT)),
    )
}

#[no_mangle]
pub unsafe extern "C" fn crypto_account_sign(
    a: *mut Account,
    data: *const c_void,
    size: usize,
    ret: *mut c_char,
) -> c_int {
    answer(fill(&(*a).sign(bytes(data, size)).to_base64(), ret, SIGNATURE_TEXT))
}

#[no_mangle]
pub unsafe extern "C" fn crypto_account_generate(a: *mut Account, n: usize) -> c_int {
    (*a).generate_one_time_keys(n);
    0
}

#[no_mangle]
pub unsafe extern "C" fn crypto_account_generate_fallback(a: *mut Account) -> c_int {
    (*a).generate_fallback_key();
    0
}

#[no_mangle]
pub unsafe extern "C" fn crypto_account_forget_fallback(a: *mut Account) {
    (*a).forget_fallback_key();
}

#[no_mangle]
pub unsafe extern "C" fn crypto_account_one_time_keys(a: *mut Account, ret: *mut PublicKey, max: usize) -> c_int {
    let mut n: c_int = 0;
    for (id, key) in (*a).one_time_keys().into_iter().take(max) {
        if let Err(code) = give_key(&id.to_base64(), &key, ret.add(n as usize)) {
            return code;
        }
        n += 1;
    }
    n
}

unsafe fn give_key(id: &str, key: &Curve25519PublicKey, ret: *mut PublicKey) -> Result<(), c_int> {
    fill(id, (*ret).id.as_mut_ptr(), KEY_ID_TEXT)?;
    fill(&key.to_base64(), (*ret).key.as_mut_ptr(), KEY_TEXT)
}

#[no_mangle]
pub unsafe extern "C" fn crypto_account_fallback_key(a: *mut Account, ret: *mut PublicKey) -> c_int {
    match (*a).fallback_key().into_iter().next() {
        None => 0,
        Some((id, key)) => match give_key(&id.to_base64(), &key, ret) {
            Ok(()) => 1,
            Err(code) => code,
        },
    }
}

#[no_mangle]
pub unsafe extern "C" fn crypto_account_published(a: *mut Account) {
    (*a).mark_keys_as_published();
}

// ---- Olm ----

#[no_mangle]
pub unsafe extern "C" fn crypto_account_inbound(
    a: *mut Account,
    sender_key: *const c_char,
    body: *const c_char,
    ret: *mut *mut Session,
    ret_plaintext: *mut Text,
) -> c_int {
    answer(curve(sender_key).and_then(|sender_key| {
        let message = PreKeyMessage::from_base64(text(body)?).map_err(|_| EBADMSG)?;
        let made = (*a)
            .create_inbound_session(olm::SessionConfig::version_1(), sender_key, &message)
            .map_err(|_| EBADMSG)?;
        give_secret(made.plaintext, ret_plaintext)?;
        *ret = own(made.session);
        Ok(())
    }))
}

#[no_mangle]
pub unsafe extern "C" fn crypto_account_outbound(
    a: *mut Account,
    their_key: *const c_char,
    their_one_time_key: *const c_char,
    ret: *mut *mut Session,
) -> c_int {
    answer(curve(their_key).and_then(|their_key| {
        let session = (*a)
            .create_outbound_session(olm::SessionConfig::version_1(), their_key, curve(their_one_time_key)?)
            .map_err(|_| EBADMSG)?;
        *ret = own(session);
        Ok(())
    }))
}

#[no_mangle]
pub unsafe extern "C" fn crypto_session_free(s: *mut Session) -> *mut Session {
    disown(s)
}

#[no_mangle]
pub unsafe extern "C" fn crypto_session_matches(s: *mut Session, body: *const c_char) -> c_int {
    match text(body).and_then(|body| PreKeyMessage::from_base64(body).map_err(|_| EBADMSG)) {
        Ok(message) => (message.session_id() == (*s).session_id()) as c_int,
        Err(code) => code,
    }
}

#[no_mangle]
pub unsafe extern "C" fn crypto_session_decrypt(
    s: *mut Session,
    kind: c_int,
    body: *const c_char,
    ret: *mut Text,
) -> c_int {
    answer(text(body).and_then(|body| {
        let message = match kind {
            0 => PreKeyMessage::from_base64(body).map(OlmMessage::PreKey),
            1 => olm::Message::from_base64(body).map(OlmMessage::Normal),
            _ => return Err(EBADMSG),
        };
        let plaintext = (*s).decrypt(&message.map_err(|_| EBADMSG)?).map_err(|_| EBADMSG)?;
        give_secret(plaintext, ret)
    }))
}

#[no_mangle]
pub unsafe extern "C" fn crypto_session_encrypt(
    s: *mut Session,
    data: *const c_void,
    size: usize,
    ret_type: *mut c_int,
    ret: *mut Text,
) -> c_int {
    answer((*s).encrypt(bytes(data, size)).map_err(|_| EBADMSG).and_then(|message| {
        let (kind, body) = match message {
            OlmMessage::PreKey(m) => (0, m.to_base64()),
            OlmMessage::Normal(m) => (1, m.to_base64()),
        };
        give(body.as_bytes(), ret)?;
        *ret_type = kind;
        Ok(())
    }))
}

#[no_mangle]
pub unsafe extern "C" fn crypto_session_pickle(s: *mut Session, key: *const u8, ret: *mut Text) -> c_int {
    answer(give_secret((*s).pickle().encrypt(secret(key)).into_bytes(), ret))
}

#[no_mangle]
pub unsafe extern "C" fn crypto_session_unpickle(
    ret: *mut *mut Session,
    key: *const u8,
    pickle: *const c_char,
) -> c_int {
    answer(text(pickle).and_then(|pickle| {
        let pickle = SessionPickle::from_encrypted(pickle, secret(key)).map_err(|_| EBADMSG)?;
        *ret = own(Session::from_pickle(pickle));
        Ok(())
    }))
}

// ---- Megolm ----

#[no_mangle]
pub unsafe extern "C" fn crypto_megolm_new(ret: *mut *mut InboundGroupSession, session_key: *const c_char) -> c_int {
    answer(text(session_key).and_then(|key| {
        let key = SessionKey::from_base64(key).map_err(|_| EBADMSG)?;
        *ret = own(InboundGroupSession::new(&key, megolm::SessionConfig::version_1()));
        Ok(())
    }))
}

#[no_mangle]
pub unsafe extern "C" fn crypto_megolm_free(m: *mut InboundGroupSession) -> *mut InboundGroupSession {
    disown(m)
}

#[no_mangle]
pub unsafe extern "C" fn crypto_megolm_id(m: *mut InboundGroupSession, ret: *mut c_char) -> c_int {
    answer(fill(&(*m).session_id(), ret, KEY_TEXT))
}

#[no_mangle]
pub unsafe extern "C" fn crypto_megolm_first_index(m: *mut InboundGroupSession) -> u32 {
    (*m).first_known_index()
}

#[no_mangle]
pub unsafe extern "C" fn crypto_megolm_decrypt(
    m: *mut InboundGroupSession,
    body: *const c_char,
    ret: *mut Text,
    ret_index: *mut u32,
) -> c_int {
    answer(text(body).and_then(|body| {
        let message = MegolmMessage::from_base64(body).map_err(|_| EBADMSG)?;
        let made = (*m).decrypt(&message).map_err(|_| EBADMSG)?;
        give_secret(made.plaintext, ret)?;
        *ret_index = made.message_index;
        Ok(())
    }))
}

#[no_mangle]
pub unsafe extern "C" fn crypto_megolm_pickle(m: *mut InboundGroupSession, key: *const u8, ret: *mut Text) -> c_int {
    answer(give_secret((*m).pickle().encrypt(secret(key)).into_bytes(), ret))
}

#[no_mangle]
pub unsafe extern "C" fn crypto_megolm_unpickle(
    ret: *mut *mut InboundGroupSession,
    key: *const u8,
    pickle: *const c_char,
) -> c_int {
    answer(text(pickle).and_then(|pickle| {
        let pickle = InboundGroupSessionPickle::from_encrypted(pickle, secret(key)).map_err(|_| EBADMSG)?;
        *ret = own(InboundGroupSession::from_pickle(pickle));
        Ok(())
    }))
}

// ---- comparing emoji ----

/// One of the two: agreeing uses the first one up.
pub struct Comparing {
    begun: Option<Sas>,
    agreed: Option<EstablishedSas>,
}

#[no_mangle]
pub unsafe extern "C" fn crypto_sas_new(ret: *mut *mut Comparing) -> c_int {
    *ret = own(Comparing { begun: Some(Sas::new()), agreed: None });
    0
}

#[no_mangle]
pub unsafe extern "C" fn crypto_sas_free(s: *mut Comparing) -> *mut Comparing {
    disown(s)
}

#[no_mangle]
pub unsafe extern "C" fn crypto_sas_key(s: *mut Comparing, ret: *mut c_char) -> c_int {
    answer(match &(*s).begun {
        Some(sas) => fill(&sas.public_key().to_base64(), ret, KEY_TEXT),
        None => Err(EBADMSG),
    })
}

#[no_mangle]
pub unsafe extern "C" fn crypto_sas_agree(s: *mut Comparing, their_key: *const c_char) -> c_int {
    answer(curve(their_key).and_then(|their_key| {
        let sas = (*s).begun.take().ok_or(EBADMSG)?;
        (*s).agreed = Some(sas.diffie_hellman(their_key).map_err(|_| EBADMSG)?);
        Ok(())
    }))
}

#[no_mangle]
pub unsafe extern "C" fn crypto_sas_bytes(s: *mut Comparing, info: *const c_char, ret: *mut u8) -> c_int {
    answer(text(info).and_then(|info| {
        let sas = (*s).agreed.as_ref().ok_or(EBADMSG)?;
        ret.copy_from_nonoverlapping(sas.bytes(info).as_bytes().as_ptr(), SAS_BYTES);
        Ok(())
    }))
}

#[no_mangle]
pub unsafe extern "C" fn crypto_sas_mac(
    s: *mut Comparing,
    input: *const c_char,
    info: *const c_char,
    ret: *mut c_char,
) -> c_int {
    answer(text(input).and_then(|input| {
        let sas = (*s).agreed.as_ref().ok_or(EBADMSG)?;
        fill(&sas.calculate_mac(input, text(info)?).to_base64(), ret, KEY_TEXT)
    }))
}

// ---- Ed25519 ----

#[no_mangle]
pub unsafe extern "C" fn crypto_verify(
    key: *const c_char,
    data: *const c_void,
    size: usize,
    signature: *const c_char,
) -> c_int {
    answer(text(key).and_then(|key| {
        let key = Ed25519PublicKey::from_base64(key).map_err(|_| EBADMSG)?;
        let signature = Ed25519Signature::from_base64(text(signature)?).map_err(|_| EBADMSG)?;
        key.verify(bytes(data, size), &signature).map_err(|_| EBADMSG)
    }))
}

#[no_mangle]
pub unsafe extern "C" fn crypto_seed_public(seed: *const u8, ret: *mut c_char) -> c_int {
    answer(fill(&Ed25519SecretKey::from_slice(secret(seed)).public_key().to_base64(), ret, KEY_TEXT))
}

#[no_mangle]
pub unsafe extern "C" fn crypto_seed_sign(
    seed: *const u8,
    data: *const c_void,
    size: usize,
    ret: *mut c_char,
) -> c_int {
    answer(fill(
        &Ed25519SecretKey::from_slice(secret(seed)).sign(bytes(data, size)).to_base64(),
        ret,
        SIGNATURE_TEXT,
    ))
}
