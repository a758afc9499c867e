//! Who may begin a TLS connection: the four ways to ask a client for its certificate.
//!
//! Upstream: `tls`. Downstream: rustls, which asks during the handshake.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};

use super::tls::{certificates, pem, wrong};
use super::{ClientAuth, TlsServerConfig, WebConfigError};

/// What `config` asks of clients; none if it asks nothing.
pub(super) fn verifier(
    config: &TlsServerConfig,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, WebConfigError> {
    let (mandatory, verified) = match config.client_auth_type {
        ClientAuth::None => (false, false),
        ClientAuth::Request => (false, false),
        ClientAuth::RequireAny => (true, false),
        ClientAuth::VerifyIfGiven => (false, true),
        ClientAuth::RequireAndVerify => (true, true),
    };
    let chooses = !config.client_allowed_sans.is_empty();
    if chooses && config.client_auth_type != ClientAuth::RequireAndVerify {
        let message = "needs client_auth_type: RequireAndVerifyClientCert and a client_ca_file: \
            without them anybody can write these names into a certificate, or send none";
        return Err(wrong("client_allowed_sans", message));
    }
    let given = pem("client_ca", config.client_ca.as_bytes(), &config.client_ca_file)?;
    if !given.is_empty() && !verified {
        let message = "verifies nobody beside this client_auth_type: set that to \
            RequireAndVerifyClientCert";
        return Err(wrong("client_ca_file", message));
    }
    if config.client_auth_type == ClientAuth::None {
        return Ok(None);
    }
    Ok(Some(Arc::new(Verifier {
        authorities: if verified { Some(authorities(config, provider)?) } else { None },
        mandatory,
        allowed: config
            .client_allowed_sans
            .iter()
            .map(|n| Allowed::new(n))
            .collect::<Result<_, _>>()?,
        algorithms: provider.signature_verification_algorithms,
    })))
}

fn authorities(
    config: &TlsServerConfig,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, WebConfigError> {
    let mut roots = RootCertStore::empty();
    let unusable = |why: String| wrong("client_ca_file", why);
    for root in certificates("client_ca", config.client_ca.as_bytes(), &config.client_ca_file)? {
        roots.add(root).map_err(|error| unusable(format!("an unusable certificate: {error}")))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| unusable(error.to_string()))
}

/// A name that a client may have.
#[derive(Debug)]
enum Allowed {
    /// DNS name or URI.
    Text(String),
    Address(IpAddr),
}

impl Allowed {
    fn new(name: &str) -> Result<Self, WebConfigError> {
        if let Ok(address) = name.parse() {
            return Ok(Self::Address(address));
        }
        if name.is_empty() || (name.contains('@') && !name.contains("://")) {
            let message = format!("{name:?} is no DNS name, IP address or URI");
            return Err(wrong("client_allowed_sans", message));
        }
        Ok(Self::Text(name.to_owned()))
    }

    fn is_of(&self, certificate: &webpki::EndEntityCert<'_>) -> bool {
        match self {
            Self::Text(name) => {
                certificate.valid_dns_names().any(|this| this == name)
                    || certificate.valid_uri_names().any(|this| this == name)
            }
            Self::Address(address) => {
                let name = ServerName::IpAddress((*address).into());
                certificate.verify_is_valid_for_subject_name(&name).is_ok()
            }
        }
    }
}

/// The certificate is good, but not one of those that are let in.
#[derive(Debug, thiserror::Error)]
#[error("the client's certificate has none of the names in client_allowed_sans")]
struct NotAllowed;

#[derive(Debug)]
struct Verifier {
    /// Who vouches for a certificate; if none, anybody's is taken.
    authorities: Option<Arc<dyn ClientCertVerifier>>,
    mandatory: bool,
    /// Names of which one is needed; empty if none is.
    allowed: Vec<Allowed>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.authorities.as_ref().map_or(&[], |authorities| authorities.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(authorities) = &self.authorities {
            authorities.verify_client_cert(end_entity, intermediates, now)?;
        }
        if !self.allowed.is_empty() {
            let certificate = webpki::EndEntityCert::try_from(end_entity)
                .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
            if !self.allowed.iter().any(|name| name.is_of(&certificate)) {
                return Err(CertificateError::Other(OtherError(Arc::new(NotAllowed))).into());
            }
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
