//! Who a check says that it is: the client certificate of `SSL { ... }`, with its key and with the
//! certificates that lead to one that a server knows.

use std::fs;

use control_plane::model::lvs;
use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// Certificates between ours and the last at most.
const LONGEST_CHAIN: usize = 10;

/// A certificate with those that signed it, and its key.
pub(super) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The certificate of `SSL { ... }`, if there is one.
///
/// # Errors
/// In words: a file cannot be read or holds something else, or the pass phrase is wrong.
pub(super) fn read(settings: &lvs::TlsClient) -> Option<Result<Identity, String>> {
    let certificate = settings.certificate.as_ref()?;
    // As with other clients, one file may hold both.
    let key = settings.key.as_ref().unwrap_or(certificate);
    Some(read_files(certificate, key, settings))
}

fn read_files(certificate: &str, key: &str, settings: &lvs::TlsClient) -> Result<Identity, String> {
    let mut chain = certificates(certificate)?;
    if let Some(file) = &settings.ca {
        complete(&mut chain, &certificates(file)?);
    }
    Ok((chain, private_key(key, settings.password.as_deref())?))
}

fn certificates(file: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| format!("'{file}': {error}"))?;
    if all.is_empty() { Err(format!("'{file}': no certificate in it")) } else { Ok(all) }
}

fn private_key(file: &str, password: Option<&str>) -> Result<PrivateKeyDer<'static>, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("'{file}': {why}");
    let text = fs::read_to_string(file).map_err(|error| wrong(&error))?;
    let begin = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
    if text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(wrong(&"an old form of encryption, see openssl pkcs8 -topk8"));
    }
    let Some(encrypted) = text.find(begin).and_then(|at| text.get(at..)) else {
        return PrivateKeyDer::from_pem_file(file).map_err(|error| wrong(&error));
    };
    let password = password.ok_or_else(|| wrong(&"encrypted, and there is no password"))?;
    let end = "-----END ENCRYPTED PRIVATE KEY-----";
    let length = encrypted.find(end).map_or(encrypted.len(), |at| at + end.len());
    let pem = encrypted.get(..length).unwrap_or_default();
    let (_, document) = SecretDocument::from_pem(pem).map_err(|error| wrong(&error))?;
    let key = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes())
        .map_err(|error| wrong(&error))?
        .decrypt(password)
        .map_err(|error| wrong(&error))?;
    Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
}

/// Adds to a chain, from its last certificate on, those that signed it. One that signed itself is
/// left out: a server has it, or does not believe it.
fn complete(chain: &mut Vec<CertificateDer<'static>>, known: &[CertificateDer<'static>]) {
    while chain.len() < LONGEST_CHAIN {
        let Some((issuer, _)) = chain.last().and_then(|last| names(last)) else { return };
        let signer = known
            .iter()
            .find(|one| names(one).is_some_and(|(of, subject)| subject == issuer && of != subject));
        match signer {
            Some(signer) if !chain.contains(signer) => chain.push(signer.clone()),
            _ => return,
        }
    }
}

/// Issuer and subject of a certificate, as they are written (RFC 5280 section 4.1).
fn names(certificate: &[u8]) -> Option<(&[u8], &[u8])> {
    let (certificate, _) = element(certificate)?;
    let (mut fields, _) = element(certificate)?;
    // An explicit version has the tag [0].
    if fields.first() == Some(&0xa0) {
        fields = element(fields)?.1;
    }
    let after_serial = element(fields)?.1;
    let after_algorithm = element(after_serial)?.1;
    let (issuer, after_issuer) = element(after_algorithm)?;
    let after_validity = element(after_issuer)?.1;
    let (subject, _) = element(after_validity)?;
    Some((issuer, subject))
}

/// The first element of DER: what is in it, and what follows it.
fn element(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = bytes.get(1..)?.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        let add = |sum: usize, &byte: &u8| sum.checked_mul(256)?.checked_add(byte.into());
        (digits.iter().try_fold(0, add)?, rest)
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate as far as names go: tags and lengths are true, the rest is short.
    fn certificate(issuer: &str, subject: &str) -> CertificateDer<'static> {
        let wrap = |tag: u8, content: &[u8]| {
            let length = u8::try_from(content.len()).unwrap();
            [&[tag, 0x81, length], content].concat()
        };
        let fields = [
            wrap(0xa0, &[2, 1, 2]),
            wrap(2, &[1]),
            wrap(0x30, &[6, 1, 1]),
            wrap(0x30, issuer.as_bytes()),
            wrap(0x30, b"dates"),
            wrap(0x30, subject.as_bytes()),
        ];
        wrap(0x30, &wrap(0x30, &fields.concat())).into()
    }

    #[test]
    fn a_chain_is_completed_up_to_the_one_that_signed_itself() {
        let [leaf, second, first, root] = [
            certificate("second", "leaf"),
            certificate("first", "second"),
            certificate("root", "first"),
            certificate("root", "root"),
        ];
        let mut chain = vec![leaf.clone()];
        complete(&mut chain, &[root.clone(), first.clone(), second.clone()]);
        assert_eq!(chain, [leaf.clone(), second, first]);
        let mut alone = vec![leaf.clone()];
        complete(&mut alone, &[root]);
        assert_eq!(alone, [leaf]);
    }

    #[test]
    fn signers_in_a_circle_and_what_is_no_certificate_come_to_an_end() {
        let [a, b] = [certificate("b", "a"), certificate("a", "b")];
        let mut chain = vec![a.clone()];
        complete(&mut chain, &[a.clone(), b.clone()]);
        assert_eq!(chain, [a, b]);
        for broken in [&b""[..], &[0x30], &[0x30, 0x85, 1], &[0x30, 2, 0x30, 0x7f]] {
            assert_eq!(names(broken), None, "{broken:?}");
        }
    }
}
