#if os(Linux)
  import MartletLinks
  import MartletTesting
  import MartletWire

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// A socket of the kernel's TCP, of the family in whose turn the test runs, inside a namespace of the test. It never
  /// waits.
  final class KernelSocket {
    let descriptor: Int32

    init(in namespace: borrowing NetworkNamespace) throws {
      let family = ScenarioFamily.standard == .ipv4 ? AF_INET : AF_INET6
      descriptor = try namespace.perform { () throws(LinkError) in
        socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
      }
    }

    private init(accepted descriptor: Int32) {
      self.descriptor = descriptor
      _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    private var isClosed = false

    deinit { if !isClosed { Glibc.close(descriptor) } }

    /// Starts connecting; the result comes as `isConnected` or `failure`.
    func connect(_ address: IPAddress, _ port: UInt16) {
      _ = withAddress(address, port) { Glibc.connect(descriptor, $0, $1) }
    }

    func listen(_ address: IPAddress, _ port: UInt16) throws {
      var one: Int32 = 1
      setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
      guard withAddress(address, port, { bind(descriptor, $0, $1) }) == 0, Glibc.listen(descriptor, 16) == 0
      else { throw KernelError(errno) }
    }

    /// Connects with text on the SYN where the kernel has a cookie (RFC 7413); it asks for one where not.
    func connectFast(_ address: IPAddress, _ port: UInt16, _ text: [UInt8]) -> Int {
      withAddress(address, port) {
        sendto(descriptor, text, text.count, 0x2000_0000, $0, $1)  // MSG_FASTOPEN
      }
    }

    /// Connections by Fast Open that a listening socket lets wait.
    func allowFastOpen(_ pending: Int32) {
      var value = pending
      setsockopt(descriptor, Int32(IPPROTO_TCP), 23, &value, 4)  // TCP_FASTOPEN
    }

    func accept() -> KernelSocket? {
      let accepted = Glibc.accept(descriptor, nil, nil)
      return accepted < 0 ? nil : KernelSocket(accepted: accepted)
    }

    /// The handshake is over, well or not.
    var isConnected: Bool {
      var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      return poll(&entry, 1, 0) == 1
    }

    /// The pending error, an `errno`; 0: none. Reading clears it.
    func takeError() -> Int32 {
      var value: Int32 = 0
      var size = socklen_t(4)
      getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &value, &size)
      return value
    }

    /// Octets written; 0 when the kernel's buffer is full.
    func write(_ octets: ArraySlice<UInt8>) -> Int {
      octets.withUnsafeBytes { max(0, send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))) }
    }

    enum Outcome: Equatable {
      case octets([UInt8])
      case end
      case nothing
      case failed(Int32)
    }

    func read(_ most: Int = 65_536) -> Outcome {
      var buffer = [UInt8](repeating: 0, count: most)
      let count = recv(descriptor, &buffer, most, 0)
      if count > 0 { return .octets([UInt8](buffer[..<count])) }
      if count == 0 { return .end }
      return errno == EAGAIN ? .nothing : .failed(errno)
    }

    func finish() { Glibc.shutdown(descriptor, Int32(SHUT_WR)) }

    func close() {
      isClosed = true
      Glibc.close(descriptor)
    }

    /// Closes with a reset.
    func reset() {
      var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
      close()
    }

    /// Milliseconds of unacknowledged text that end the connection (RFC 5482).
    func setUserTimeout(_ milliseconds: Int32) {
      var value = milliseconds
      setsockopt(descriptor, Int32(IPPROTO_TCP), 18, &value, 4)  // TCP_USER_TIMEOUT
    }

    private func withAddress<Result>(
      _ address: IPAddress, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
      switch address {
      case .v4(let address):
        var native = sockaddr_in()
        native.sin_family = sa_family_t(AF_INET)
        native.sin_port = port.bigEndian
        native.sin_addr.s_addr = address.bits.bigEndian
        return Self.withGeneric(&native, body)
      case .v6(let address):
        var native = sockaddr_in6()
        native.sin6_family = sa_family_t(AF_INET6)
        native.sin6_port = port.bigEndian
        withUnsafeMutableBytes(of: &native.sin6_addr) {
          $0.storeBytes(of: address.high.bigEndian, as: UInt64.self)
          $0.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        return Self.withGeneric(&native, body)
      }
    }

    private static func withGeneric<Native, Result>(
      _ native: inout Native, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
      withUnsafePointer(to: &native) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          body($0, socklen_t(MemoryLayout<Native>.size))
        }
      }
    }
  }

  struct KernelError: Error, CustomStringConvertible {
    let number: Int32
    init(_ number: Int32) { self.number = number }
    var description: String { String(cString: strerror(number)) }
  }
#endif
