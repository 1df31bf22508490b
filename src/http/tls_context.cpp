#include "http/tls_context.hpp"

#include <fmt/format.h>
#include <openssl/ssl.h>

namespace latchkey::http {

namespace asio = boost::asio;

Result<std::shared_ptr<asio::ssl::context>> make_tls_context(const TlsFiles& files) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  boost::system::error_code failed;
  context->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                           asio::ssl::context::no_tlsv1_1 | asio::ssl::context::no_compression |
                           SSL_OP_NO_RENEGOTIATION | SSL_OP_CLEANSE_PLAINTEXT,
                       failed);
  // Without a callback, OpenSSL asks the terminal for the passphrase of an encrypted key.
  context->set_password_callback([](std::size_t, asio::ssl::context::password_purpose) { return std::string(); },
                                 failed);
  context->use_certificate_chain(asio::buffer(files.certificate_pem), failed);
  if (failed) {
    return Error{ErrorCode::Invalid,
                 fmt::format("the TLS certificate cannot be read: {}; it must be PEM, leaf first", failed.message())};
  }
  context->use_private_key(asio::buffer(files.private_key_pem), asio::ssl::context::pem, failed);
  if (failed) {
    return Error{
        ErrorCode::Invalid,
        fmt::format("the TLS private key cannot be read, or is not the certificate's: {}; it must be PEM without a "
                    "passphrase",
                    failed.message())};
  }
  return context;
}

}  // namespace latchkey::http
