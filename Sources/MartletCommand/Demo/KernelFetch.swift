#if os(Linux)
  import MartletLinks
  import MartletStack
  import MartletWire

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// A page on its way to the kernel: fetched by curl, or by a socket of ours where there is no curl.
  struct KernelFetch: ~Copyable {
    private var curl: ChildProgram?
    private var socket: KernelSocket?

    init(of server: Endpoint, in namespace: borrowing NetworkNamespace) throws(LinkError) {
      curl = try? namespace.start([
        "curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", "20",
        "http://\(server.address):\(server.port)/",
      ])
      if curl == nil { socket = try KernelSocket(to: server, in: namespace) }
    }

    /// Who fetches.
    var name: String { curl == nil ? "A socket" : "curl" }

    /// Goes on as far as it can without waiting.
    mutating func advance() { socket?.advance() }

    /// Waits for its end and tells how many octets of content came.
    mutating func finish() -> Int {
      if let count = curl?.readOutput().count {
        _ = curl?.wait()
        return count
      }
      return socket?.contentCount ?? 0
    }
  }

  /// A TCP socket of the kernel that asks for a page, reads it and closes.
  struct KernelSocket: ~Copyable {
    private let descriptor: Int32
    private var isAsked = false
    private var isClosed = false
    private var received: [UInt8] = []

    init(to server: Endpoint, in namespace: borrowing NetworkNamespace) throws(LinkError) {
      guard case .v4(let address) = server.address else {
        throw LinkError(.unsupported, "The demo's server has an IPv4 address.")
      }
      descriptor = try namespace.perform { () throws(LinkError) -> Int32 in
        let fd = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard fd >= 0 else { throw LinkError(.failed, "The kernel gives no socket.") }
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = server.port.bigEndian
        place.sin_addr.s_addr = address.bits.bigEndian
        _ = withUnsafePointer(to: &place) {
          $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
          }
        }
        return fd
      }
    }

    deinit { if !isClosed { close(descriptor) } }

    mutating func advance() {
      guard !isClosed else { return }
      if !isAsked {
        let request = Array("GET / HTTP/1.1\r\nHost: 10.7.0.1\r\n\r\n".utf8)
        isAsked = send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count
      }
      var chunk = [UInt8](repeating: 0, count: 4096)
      while true {
        let count = recv(descriptor, &chunk, chunk.count, 0)
        guard count > 0 else { break }
        received += chunk[..<count]
      }
      if received.suffix(8).elementsEqual("</html>\n".utf8) {
        close(descriptor)
        isClosed = true
      }
    }

    /// Octets after the head.
    var contentCount: Int {
      let text = String(decoding: received, as: UTF8.self).utf8
      let end = Array("\r\n\r\n".utf8)
      var at = text.startIndex
      while at < text.endIndex, !text[at...].starts(with: end) { at = text.index(after: at) }
      return max(text.distance(from: at, to: text.endIndex) - end.count, 0)
    }
  }
#endif
