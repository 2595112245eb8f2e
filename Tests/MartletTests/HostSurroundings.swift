#if os(Linux)
  import Logging
  import Martlet
  import MartletLinks
  import MartletStack
  import MartletWire
  import Testing

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  let quiet: Logger = {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return logger
  }()

  func prefix(_ text: String) -> IPPrefix {
    guard let prefix = IPPrefix(text) else {
      Issue.record("\(text) is no prefix")
      return IPPrefix(host: .v4(IPv4Address(bits: 0)))
    }
    return prefix
  }

  func endpoint(_ text: String, _ port: UInt16) -> Endpoint {
    Endpoint(address: prefix(text + "/32").address, port: port)
  }

  /// Two hosts, 10.7.0.1 and 10.7.0.2, each on a thread of its own, joined by a wire in memory.
  func withTwoHosts<R>(mtu: Int = 1500, _ body: (_ left: Host, _ right: Host) async throws -> R) async throws
    -> R
  {
    let wire = try MemoryLink.crossThreadPair(mtu: mtu)
    let leftEnd = wire.left
    let rightEnd = wire.right
    let left = try Host(
      LinkSet(leftEnd, addresses: [prefix("10.7.0.1/24"), prefix("fd00:7::1/64")]), logger: quiet)
    let right = try Host(
      LinkSet(rightEnd, addresses: [prefix("10.7.0.2/24"), prefix("fd00:7::2/64")]), logger: quiet)
    let result: Result<R, any Error>
    do { result = .success(try await body(left, right)) } catch { result = .failure(error) }
    await left.shutdown()
    await right.shutdown()
    return try result.get()
  }

  /// `count` octets that no shift or loss leaves alike.
  func pattern(_ count: Int) -> [UInt8] {
    var state: UInt32 = 1
    return (0..<count).map { _ in
      state = state &* 1_664_525 &+ 1_013_904_223
      return UInt8(truncatingIfNeeded: state >> 24)
    }
  }

  /// Reads until `count` octets have come or the peer has finished.
  func readAll(_ connection: Connection, atMost count: Int = .max) async throws -> [UInt8] {
    var all: [UInt8] = []
    while all.count < count, let octets = try await connection.read() { all += octets }
    return all
  }

  enum Machine {
    /// Nil when TUN devices and namespaces can be made; else why not.
    static let obstacle: String? = {
      guard geteuid() == 0 else { return "needs root" }
      guard access("/dev/net/tun", R_OK | W_OK) == 0 else { return "needs /dev/net/tun" }
      do {
        _ = try NetworkNamespace.anonymous()
      } catch {
        return "needs network namespaces: \(error)"
      }
      return nil
    }()

    static func hasProgram(_ name: String) -> Bool {
      guard let path = getenv("PATH") else { return false }
      return String(cString: path).split(separator: ":").contains { access("\($0)/\(name)", X_OK) == 0 }
    }
  }

  extension Trait where Self == ConditionTrait {
    static var needsTUN: Self {
      .enabled("\(Machine.obstacle ?? "TUN devices are there")") { Machine.obstacle == nil }
    }
  }
#endif
