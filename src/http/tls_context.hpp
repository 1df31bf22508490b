// What a server's TLS connections begin with: the certificate, its key, and the rules. Internal to http/.
#pragma once

#include <memory>

#include <boost/asio/ssl/context.hpp>

#include "base/result.hpp"
#include "http/server.hpp"

namespace latchkey::http {

// TLS 1.2 and 1.3. Invalid where the certificate or the key cannot be read, or do not belong together.
[[nodiscard]] Result<std::shared_ptr<boost::asio::ssl::context>> make_tls_context(const TlsFiles& files);

}  // namespace latchkey::http
