//! Names of numbers, as records show them.

/// Numbers with their names.
pub(super) type Names = &'static [(u16, &'static str)];

/// Types of attributes of version 1 (RFC 2409 appendix A), as rules name them.
pub(super) const ATTRIBUTES: &[(&str, u64)] = &[
    ("alg_enc", attribute::ENCRYPTION as u64),
    ("alg_hash", attribute::HASH as u64),
    ("alg_auth", attribute::AUTHENTICATION as u64),
    ("alg_dh", attribute::GROUP as u64),
    ("alg_prf", 13),
    ("sa_group_type", 5),
    ("sa_life_type", attribute::LIFE_TYPE as u64),
    ("sa_life_duration", attribute::LIFE_DURATION as u64),
    ("sa_key_length", attribute::KEY_LENGTH as u64),
    ("sa_field_size", 15),
];

/// Types of attributes that records show.
pub(super) mod attribute {
    pub(in crate::app::ike) const ENCRYPTION: u16 = 1;
    pub(in crate::app::ike) const HASH: u16 = 2;
    pub(in crate::app::ike) const AUTHENTICATION: u16 = 3;
    pub(in crate::app::ike) const GROUP: u16 = 4;
    pub(in crate::app::ike) const LIFE_TYPE: u16 = 11;
    pub(in crate::app::ike) const LIFE_DURATION: u16 = 12;
    pub(in crate::app::ike) const KEY_LENGTH: u16 = 14;
}

/// Attributes that records show: type, key, key of the number, and the names of values (RFC 2409 appendix A, and the IANA
/// registry "IPsec Registry").
pub(super) const SHOWN: &[(u16, &str, &str, Names)] = &[
    (attribute::ENCRYPTION, "alg_enc", "alg_enc_raw", ENCRYPTION),
    (attribute::HASH, "alg_hash", "alg_hash_raw", HASH),
    (attribute::AUTHENTICATION, "alg_auth", "alg_auth_raw", AUTHENTICATION),
    (attribute::GROUP, "alg_dh", "alg_dh_raw", GROUP),
    (attribute::LIFE_TYPE, "sa_life_type", "sa_life_type_raw", LIFE_TYPE),
    (attribute::LIFE_DURATION, "sa_life_duration", "sa_life_duration_raw", &[]),
    (attribute::KEY_LENGTH, "sa_key_length", "sa_key_length_raw", &[]),
];

const ENCRYPTION: Names = &[
    (1, "EncDesCbc"),
    (2, "EncIdeaCbc"),
    (3, "EncBlowfishCbc"),
    (4, "EncRc5R16B64Cbc"),
    (5, "EncTripleDesCbc"),
    (6, "EncCastCbc"),
    (7, "EncAesCbc"),
    (8, "EncCamelliaCbc"),
];

const HASH: Names =
    &[(1, "HashMd5"), (2, "HashSha"), (3, "HashTiger"), (4, "HashSha2_256"), (5, "HashSha2_384"), (6, "HashSha2_512")];

const AUTHENTICATION: Names = &[
    (1, "AuthPreSharedKey"),
    (2, "AuthDssSignatures"),
    (3, "AuthRsaSignatures"),
    (4, "AuthEncryptionWithRsa"),
    (5, "AuthRevisedEncryptionWithRsa"),
    (9, "AuthEcdsaSha256"),
    (10, "AuthEcdsaSha384"),
    (11, "AuthEcdsaSha512"),
];

const GROUP: Names = &[
    (1, "GroupDefault768BitModpGroup"),
    (2, "GroupAlternate1024BitModpGroup"),
    (3, "GroupEc2nGroupOnGp2p155"),
    (4, "GroupEc2nGroupOnGp2p185"),
    (5, "Group1536BitModpGroup"),
    (14, "Group2048BitModpGroup"),
    (15, "Group3072BitModpGroup"),
    (16, "Group4096BitModpGroup"),
    (17, "Group6144BitModpGroup"),
    (18, "Group8192BitModpGroup"),
    (19, "Group256BitRandomEcpGroup"),
    (20, "Group384BitRandomEcpGroup"),
    (21, "Group521BitRandomEcpGroup"),
];

const LIFE_TYPE: Names = &[(1, "LifeTypeSeconds"), (2, "LifeTypeKilobytes")];

/// What records show of values without a name.
pub(super) const UNKNOWN: &str = "Unknown";

/// Kinds of exchanges of version 1 (RFC 2408 §3.1, RFC 2409 appendix A) and 2 (RFC 7296 §3.1), which do not overlap.
pub(super) const EXCHANGES: Names = &[
    (1, "Base"),
    (2, "IdentityProtection"),
    (3, "AuthenticationOnly"),
    (4, "Aggressive"),
    (5, "Informational"),
    (6, "Transaction"),
    (32, "QuickMode"),
    (33, "NewGroupMode"),
    (34, "IKE_SA_INIT"),
    (35, "IKE_AUTH"),
    (36, "CREATE_CHILD_SA"),
    (37, "INFORMATIONAL"),
    (38, "IKE_SESSION_RESUME"),
];

/// Types of payloads of version 1 (RFC 2408 §3.1, RFC 3947 §3.1 and §5.1) and 2 (RFC 7296 §3.2), which do not overlap.
pub(super) const PAYLOADS: Names = &[
    (1, "SecurityAssociation"),
    (2, "Proposal"),
    (3, "Transform"),
    (4, "KeyExchange"),
    (5, "Identification"),
    (6, "Certificate"),
    (7, "CertificateRequest"),
    (8, "Hash"),
    (9, "Signature"),
    (10, "Nonce"),
    (11, "Notification"),
    (12, "Delete"),
    (13, "VendorID"),
    (20, "NatDiscovery"),
    (21, "NatOriginalAddress"),
    (33, "SecurityAssociation"),
    (34, "KeyExchange"),
    (35, "IDInitiator"),
    (36, "IDResponder"),
    (37, "Certificate"),
    (38, "CertificateRequest"),
    (39, "Authentication"),
    (40, "Nonce"),
    (41, "Notify"),
    (42, "Delete"),
    (43, "VendorID"),
    (44, "TrafficSelectorInitiator"),
    (45, "TrafficSelectorResponder"),
    (46, "EncryptedAndAuthenticated"),
    (47, "Configuration"),
    (48, "ExtensibleAuthentication"),
];

/// Ways of encryption of version 2 (IANA registry "IKEv2 Parameters").
pub(super) const ENCRYPTION_2: Names = &[
    (1, "ENCR_DES_IV64"),
    (2, "ENCR_DES"),
    (3, "ENCR_3DES"),
    (4, "ENCR_RC5"),
    (5, "ENCR_IDEA"),
    (6, "ENCR_CAST"),
    (7, "ENCR_BLOWFISH"),
    (8, "ENCR_3IDEA"),
    (9, "ENCR_DES_IV32"),
    (11, "ENCR_NULL"),
    (12, "ENCR_AES_CBC"),
    (13, "ENCR_AES_CTR"),
    (14, "ENCR_AES_CCM_8"),
    (15, "ENCR_AES_CCM_12"),
    (16, "ENCR_AES_CCM_16"),
    (18, "ENCR_AES_GCM_8"),
    (19, "ENCR_AES_GCM_12"),
    (20, "ENCR_AES_GCM_16"),
    (23, "ENCR_CAMELLIA_CBC"),
    (28, "ENCR_CHACHA20_POLY1305"),
];

/// Ways to keep messages from being changed, of version 2.
pub(super) const INTEGRITY_2: Names = &[
    (0, "NONE"),
    (1, "AUTH_HMAC_MD5_96"),
    (2, "AUTH_HMAC_SHA1_96"),
    (3, "AUTH_DES_MAC"),
    (4, "AUTH_KPDK_MD5"),
    (5, "AUTH_AES_XCBC_96"),
    (6, "AUTH_HMAC_MD5_128"),
    (7, "AUTH_HMAC_SHA1_160"),
    (8, "AUTH_AES_CMAC_96"),
    (12, "AUTH_HMAC_SHA2_256_128"),
    (13, "AUTH_HMAC_SHA2_384_192"),
    (14, "AUTH_HMAC_SHA2_512_256"),
];

/// Groups of version 2.
pub(super) const GROUP_2: Names = &[
    (0, "None"),
    (1, "Modp768"),
    (2, "Modp1024"),
    (5, "Modp1536"),
    (14, "Modp2048"),
    (15, "Modp3072"),
    (16, "Modp4096"),
    (17, "Modp6144"),
    (18, "Modp8192"),
    (19, "Ecp256"),
    (20, "Ecp384"),
    (21, "Ecp521"),
    (22, "Modp1024s160"),
    (23, "Modp2048s224"),
    (24, "Modp2048s256"),
    (25, "Ecp192"),
    (26, "Ecp224"),
    (31, "Curve25519"),
    (32, "Curve448"),
];

/// Notifications of version 2 (RFC 7296 §3.10.1).
pub(super) const NOTIFICATIONS: Names = &[
    (1, "UNSUPPORTED_CRITICAL_PAYLOAD"),
    (4, "INVALID_IKE_SPI"),
    (5, "INVALID_MAJOR_VERSION"),
    (7, "INVALID_SYNTAX"),
    (9, "INVALID_MESSAGE_ID"),
    (11, "INVALID_SPI"),
    (14, "NO_PROPOSAL_CHOSEN"),
    (17, "INVALID_KE_PAYLOAD"),
    (24, "AUTHENTICATION_FAILED"),
    (34, "SINGLE_PAIR_REQUIRED"),
    (35, "NO_ADDITIONAL_SAS"),
    (36, "INTERNAL_ADDRESS_FAILURE"),
    (37, "FAILED_CP_REQUIRED"),
    (38, "TS_UNACCEPTABLE"),
    (39, "INVALID_SELECTORS"),
    (43, "TEMPORARY_FAILURE"),
    (44, "CHILD_SA_NOT_FOUND"),
    (16384, "INITIAL_CONTACT"),
    (16385, "SET_WINDOW_SIZE"),
    (16386, "ADDITIONAL_TS_POSSIBLE"),
    (16387, "IPCOMP_SUPPORTED"),
    (16388, "NAT_DETECTION_SOURCE_IP"),
    (16389, "NAT_DETECTION_DESTINATION_IP"),
    (16390, "COOKIE"),
    (16391, "USE_TRANSPORT_MODE"),
    (16392, "HTTP_CERT_LOOKUP_SUPPORTED"),
    (16393, "REKEY_SA"),
    (16394, "ESP_TFC_PADDING_NOT_SUPPORTED"),
    (16395, "NON_FIRST_FRAGMENTS_ALSO"),
    (16404, "MULTIPLE_AUTH_SUPPORTED"),
    (16406, "REDIRECT_SUPPORTED"),
    (16430, "IKEV2_FRAGMENTATION_SUPPORTED"),
    (16431, "SIGNATURE_HASH_ALGORITHMS"),
];

/// The name of a number, if it has one.
pub(super) fn name_of(names: Names, number: u32) -> Option<&'static str> {
    names.iter().find(|row| u32::from(row.0) == number).map(|row| row.1)
}
