import MartletLinks
import MartletTCP
import MartletWire
import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// An address of the kernel at which Prometheus asks.
public struct MetricsAddress: Equatable, Sendable {
  public let address: IPAddress
  /// 0: a free one.
  public let port: UInt16

  public init(address: IPAddress, port: UInt16) {
    self.address = address
    self.port = port
  }

  /// Reads `127.0.0.1:9100` or `[::1]:9100`.
  public init(parsing text: String) throws(FilterError) {
    let filter = try? FlowFilter(parsing: "src " + text)
    guard case .place(.source, let prefix?, let port?) = filter?.condition,
      prefix.length == (prefix.address.isIPv4 ? 32 : 128)
    else {
      throw FilterError(
        description: "\"\(text)\" is no address with a port. Write 127.0.0.1:9100 or [::1]:9100.")
    }
    self.init(address: prefix.address, port: port)
  }
}

/// Answers Prometheus: `GET /metrics` on a TCP port of the kernel, in the text format 0.0.4.
///
/// Bounded: so many who ask at a time, so long a request, so much time for it. What it costs a stack is paid when somebody
/// asks; the stack never waits.
public final class MetricsEndpoint: Sendable {
  /// Where it is, with the port that was chosen.
  public let address: MetricsAddress
  private let threads: ClientThreads

  private static let requestTime = TimeAmount.seconds(5)
  private static let mostHeaders = 100

  public init(_ address: MetricsAddress, of loops: [LoopControl]) throws(LinkError) {
    let (listening, port) = try Self.listen(at: address)
    self.address = MetricsAddress(address: address.address, port: port)
    threads = try ClientThreads(
      listening,
      ClientThreads.Terms(
        name: "martlet-http", clientLimit: 8, requestLimit: 8_192, patience: Self.requestTime,
        refusal: Self.response("503 Service Unavailable", "Too many ask at once. Try again.\n"))
    ) { channel in
      Self.serve(channel, loops)
    }
    try threads.start()
  }

  deinit { threads.close() }

  /// Ends it, cutting off who is being answered.
  public func close() { threads.close() }

  // MARK: One request

  private static func serve(_ channel: ClientChannel, _ loops: [LoopControl]) {
    var reader = ClientChannel.LineReader()
    do {
      let end = SystemClock.now.advanced(by: requestTime)
      func line() throws -> String? { try channel.readLine(&reader, within: end.since(SystemClock.now)) }
      guard let request = try line() else { return }
      // Whatever else the head says.
      for _ in 0..<mostHeaders {
        guard let header = try line(), !header.isEmpty else { break }
      }
      try channel.send(answer(request, channel, loops))
    } catch ClientChannel.LineError.tooLong {
      try? channel.send(response("431 Request Header Fields Too Large", "The request is too long.\n"))
    } catch {
      // Whoever is gone hears nothing.
    }
  }

  private static func answer(_ request: String, _ channel: ClientChannel, _ loops: [LoopControl]) -> String {
    let words = request.split(separator: " ")
    guard words.count == 3, words[2].hasPrefix("HTTP/1.") else {
      return response("400 Bad Request", "That is no HTTP.\n")
    }
    guard words[0] == "GET" || words[0] == "HEAD" else {
      return response("405 Method Not Allowed", "There is GET and HEAD.\n", headers: "Allow: GET, HEAD\r\n")
    }
    let path = words[1].prefix { $0 != "?" }
    guard path == "/metrics" else {
      return response("404 Not Found", "The metrics are at /metrics.\n", hasBody: words[0] == "GET")
    }
    do throws(ControlError) {
      let wakeup: Wakeup
      do throws(LinkError) { wakeup = try Wakeup() } catch { throw .refused(error.message) }
      let visitor = LoopVisitor(loops, waking: wakeup) { channel.isCutOff }
      let text = try visitor.figures().metrics(at: SystemClock.now).prometheusText
      return response(
        "200 OK", text, type: "text/plain; version=0.0.4; charset=utf-8", hasBody: words[0] == "GET")
    } catch {
      return response("503 Service Unavailable", error.sentence + "\n", hasBody: words[0] == "GET")
    }
  }

  private static func response(
    _ status: String, _ body: String, type: String = "text/plain; charset=utf-8", headers: String = "",
    hasBody: Bool = true
  ) -> String {
    "HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n"
      + headers + "Connection: close\r\n\r\n" + (hasBody ? body : "")
  }

  // MARK: The kernel's socket

  private static func listen(
    at address: MetricsAddress
  ) throws(LinkError) -> (FileDescriptor, UInt16) {
    #if canImport(Glibc)
      let stream = Int32(SOCK_STREAM.rawValue)
    #else
      let stream = SOCK_STREAM
    #endif
    let fd = socket(address.address.isIPv4 ? AF_INET : AF_INET6, stream, 0)
    guard fd >= 0 else { throw failure(address) }
    _ = fcntl(fd, F_SETFD, FD_CLOEXEC)
    var one: Int32 = 1
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
    var place = sockaddr_storage()
    let size = fill(&place, address)
    let isBound = withUnsafePointer(to: &place) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(fd, $0, size) == 0 }
    }
    guard isBound, systemListen(fd, 16) == 0 else {
      let error = failure(address)
      _ = systemClose(fd)
      throw error
    }
    var actual = sockaddr_storage()
    var actualSize = socklen_t(MemoryLayout<sockaddr_storage>.size)
    withUnsafeMutablePointer(to: &actual) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(fd, $0, &actualSize) }
    }
    // The port stands at the same place in both families.
    let port = withUnsafeBytes(of: &actual) { UInt16($0[2]) << 8 | UInt16($0[3]) }
    return (FileDescriptor(rawValue: fd), port)
  }

  private static func failure(_ address: MetricsAddress) -> LinkError {
    let error = Errno(rawValue: errno)
    let host = address.address.isIPv4 ? "\(address.address)" : "[\(address.address)]"
    return LinkError(
      error == .permissionDenied ? .noPermission : .addressInUse, errno: error,
      "Metrics cannot be had at \(host):\(address.port): \(error). Choose another --metrics.")
  }

  private static func fill(_ place: inout sockaddr_storage, _ address: MetricsAddress) -> socklen_t {
    withUnsafeMutableBytes(of: &place) { octets in
      func put(_ value: UInt64, _ count: Int, at start: Int) {
        for i in 0..<count {
          octets[start + i] = UInt8(truncatingIfNeeded: value >> UInt64(8 * (count - 1 - i)))
        }
      }
      switch address.address {
      case .v4(let v4):
        octets.storeBytes(of: sa_family_t(AF_INET), toByteOffset: familyOffset, as: sa_family_t.self)
        put(UInt64(address.port), 2, at: 2)
        put(UInt64(v4.bits), 4, at: 4)
        return socklen_t(MemoryLayout<sockaddr_in>.size)
      case .v6(let v6):
        octets.storeBytes(of: sa_family_t(AF_INET6), toByteOffset: familyOffset, as: sa_family_t.self)
        put(UInt64(address.port), 2, at: 2)
        put(v6.high, 8, at: 8)
        put(v6.low, 8, at: 16)
        return socklen_t(MemoryLayout<sockaddr_in6>.size)
      }
    }
  }
}

#if canImport(Darwin)
  /// An octet with the length stands before it.
  private let familyOffset = 1
#else
  private let familyOffset = 0
#endif

// The calls by these names are methods of the type above, too.

private func systemListen(_ fd: Int32, _ backlog: Int32) -> Int32 { listen(fd, backlog) }
private func systemClose(_ fd: Int32) -> Int32 { close(fd) }
