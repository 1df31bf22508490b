// What a server's TLS connections begin with: the certificate, its key, and the rules. Internal to http/.
#pragma once

#include <memory>

#include <boost/asio/ssl/context.hpp>

#include "base/result.hpp"
#include "http/server.hpp"
#include "http/ticket_keys.hpp"

namespace latchkey::http {

struct TlsContext {
  boost::asio::ssl::context context{boost::asio::ssl::context::tls_server};
  std::shared_ptr<TicketKeys> tickets;
};

// TLS 1.2 and 1.3, AES-GCM first where the client has it in hardware, too. A session that began under another
// certificate may be resumed under this one, where the two share their ticket keys. Invalid where the certificate or
// the key cannot be read, or do not belong together.
[[nodiscard]] Result<std::shared_ptr<TlsContext>> make_tls_context(const TlsFiles& files,
                                                                   std::shared_ptr<TicketKeys> tickets);

}  // namespace latchkey::http
