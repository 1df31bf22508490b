#include "http/tls_context.hpp"

#include <array>
#include <csignal>
#include <cstring>

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

namespace latchkey::http {

namespace {

namespace asio = boost::asio;

int tickets_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// RFC 5077 section 4: AES in CBC mode, then HMAC-SHA-256 over it.
bool set_up(const TicketKey& key, const unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, bool seals) {
  std::array<char, 7> digest{"SHA256"};
  auto mac_key = key.mac.reveal();
  std::array params{
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<std::uint8_t*>(mac_key.data()), mac_key.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0), OSSL_PARAM_construct_end()};
  return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.reveal().data(), iv, seals ? 1 : 0) == 1 &&
         EVP_MAC_CTX_set_params(mac, params.data()) == 1;
}

// As SSL_CTX_set_tlsext_ticket_key_evp_cb(3) wants it: below 0 for failures, 0 for no such key (the handshake then goes
// its full way).
int use_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                   int seals) {
  auto* tickets = static_cast<TicketKeys*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), tickets_index()));
  auto now = SystemClock().age_time();
  if (seals == 0) {
    auto key = tickets->to_open({name, sizeof(TicketKey::Name)}, now);
    if (!key) return 0;
    return set_up(*key, iv, cipher, mac, false) ? 1 : -1;
  }
  auto key = tickets->to_seal(now);
  std::memcpy(name, key->name.data(), key->name.size());
  if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
  return set_up(*key, iv, cipher, mac, true) ? 1 : -1;
}

void set_rules(asio::ssl::context& context) {
  boost::system::error_code ignored;
  context.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                          asio::ssl::context::no_tlsv1_1 | asio::ssl::context::no_compression |
                          SSL_OP_NO_RENEGOTIATION | SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_CIPHER_SERVER_PREFERENCE |
                          SSL_OP_PRIORITIZE_CHACHA,
                      ignored);
  // Without a callback, OpenSSL asks the terminal for the passphrase of an encrypted key.
  context.set_password_callback([](std::size_t, asio::ssl::context::password_purpose) { return std::string(); },
                                ignored);
}

void set_tickets(SSL_CTX* context, TicketKeys& tickets) {
  constexpr std::array<unsigned char, 8> kSessions{'l', 'a', 't', 'c', 'h', 'k', 'e', 'y'};
  SSL_CTX_set_session_id_context(context, kSessions.data(), kSessions.size());
  // Sessions are with their clients alone.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(context, std::chrono::seconds(TicketKeys::kTicketLife).count());
  SSL_CTX_set_ex_data(context, tickets_index(), &tickets);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, use_ticket_key);
}

// OpenSSL writes to sockets with write(2): a client that goes away must not end the program.
void ignore_broken_pipes() {
  struct sigaction now {};
  if (::sigaction(SIGPIPE, nullptr, &now) == 0 && now.sa_handler == SIG_DFL) std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace

Result<std::shared_ptr<TlsContext>> make_tls_context(const TlsFiles& files, std::shared_ptr<TicketKeys> tickets) {
  auto made = std::make_shared<TlsContext>();
  made->tickets = std::move(tickets);
  auto& context = made->context;
  ignore_broken_pipes();
  set_rules(context);
  set_tickets(context.native_handle(), *made->tickets);
  boost::system::error_code failed;
  context.use_certificate_chain(asio::buffer(files.certificate_pem), failed);
  if (failed) {
    return Error{ErrorCode::Invalid,
                 fmt::format("the TLS certificate cannot be read: {}; it must be PEM, leaf first", failed.message())};
  }
  context.use_private_key(asio::buffer(files.private_key_pem), asio::ssl::context::pem, failed);
  if (failed) {
    return Error{
        ErrorCode::Invalid,
        fmt::format("the TLS private key cannot be read, or is not the certificate's: {}; it must be PEM without a "
                    "passphrase",
                    failed.message())};
  }
  return made;
}

}  // namespace latchkey::http
