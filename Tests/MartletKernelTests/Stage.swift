#if os(Linux)
  import Martlet
  import MartletLinks
  import MartletStack
  import MartletTCP
  import MartletTesting
  import MartletTrace
  import MartletWire
  import SystemPackage
  import Testing

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// A Martlet stack and this machine's kernel, joined by a TUN device in a namespace of their own. The test
  /// moves every packet, so it can also hold them back. Both have addresses of the family in whose turn the test runs.
  final class Stage {
    static var martlet: IPAddress { address(1) }
    static var kernel: IPAddress { address(2) }

    /// 10.7.0.n or fd00:7::n.
    private static func address(_ n: UInt8) -> IPAddress {
      switch ScenarioFamily.standard {
      case .ipv4: .v4(IPv4Address(10, 7, 0, n))
      case .ipv6: .v6(IPv6Address(high: 0xfd00_0007_0000_0000, low: UInt64(n)))
      }
    }

    private static func network(of address: IPAddress) -> IPPrefix {
      IPPrefix(address, length: ScenarioFamily.standard == .ipv4 ? 24 : 64)
    }

    let namespace: NetworkNamespace
    var stack: NetworkStack
    private var link: TUNLink
    let interface: InterfaceID
    /// Everything that passed, as pcapng, when asked for.
    private(set) var capture: [UInt8] = []
    private var writer: PcapngWriter?
    private var captureInterface: PcapngInterfaceID?
    var now: Instant { SystemClock.now }

    init(
      captures: Bool = false, offload: InterfaceConfiguration.Offload = [],
      _ configure: (inout StackConfiguration) -> Void = { _ in }
    ) throws {
      namespace = try NetworkNamespace.anonymous()
      var configuration = StackConfiguration()
      configure(&configuration)
      let mtu = ScenarioFamily.standardMTU
      link = try TUNLink(
        TUNConfiguration(
          name: "mk0", mtu: Int(mtu), kernelAddresses: [Self.network(of: Self.kernel)], offload: offload),
        in: namespace)
      stack = NetworkStack(configuration: configuration, seed: .fromSystem())
      interface = try stack.addInterface(
        InterfaceConfiguration(
          mtu: mtu, addresses: [Self.network(of: Self.martlet)], offload: link.offload))
      guard captures else { return }
      var writer = PcapngWriter(into: &capture, application: "martlet tests")
      captureInterface = writer.add(PcapngInterface(.rawIP, name: "mk0"), into: &capture)
      self.writer = writer
    }

    /// Takes in what the kernel has sent so far; returns how many packets.
    @discardableResult
    func receive() throws -> Int {
      let now = now
      return try link.receive(limit: 64, now: now) { packet, metadata in
        note(packet, .inbound, now)
        stack.receive(packet, metadata, on: interface, now: now)
      }
    }

    /// Sends what the stack has.
    func transmit() throws {
      let now = now
      stack.advance(to: now)
      _ = try link.send(limit: 1_024, now: now) { buffer in
        guard let packet = stack.nextPacket(on: interface, into: &buffer, now: now) else { return nil }
        note(buffer.bytes.extracting(first: packet.count), .outbound, now)
        return packet
      }
    }

    private func note(_ packet: RawSpan, _ direction: MartletTrace.PacketDirection, _ now: Instant) {
      guard let captureInterface else { return }
      writer?.write(packet, at: now, on: captureInterface, direction: direction, into: &capture)
    }

    /// Both, and events thrown away: tests look at levels.
    func turn() throws {
      var entry = pollfd(fd: link.readiness?.rawValue ?? -1, events: Int16(POLLIN), revents: 0)
      poll(&entry, 1, 1)
      try receive()
      try transmit()
      while stack.nextEvent() != nil {}
    }

    /// Turns until `condition` holds; fails the test after `seconds`.
    func turn(
      _ what: String, seconds: Double = 10, sourceLocation: SourceLocation = #_sourceLocation,
      until condition: () throws -> Bool
    ) throws {
      let end = now.advanced(by: .milliseconds(Int64(seconds * 1_000)))
      while now < end {
        if try condition() { return }
        try turn()
      }
      Issue.record("still waiting after \(seconds) s: \(what)", sourceLocation: sourceLocation)
      throw StageError.waited
    }

    /// Throws away what the stack wants to send, as a crash would.
    func forgetOutput() {
      let now = now
      var buffer = [UInt8](repeating: 0, count: 65_550)
      var elements = buffer.mutableSpan
      var out = elements.mutableBytes
      while stack.nextPacket(on: interface, into: &out, now: now) != nil {}
    }

    /// What a program prints, run inside the namespace.
    func run(_ arguments: [String]) throws -> String {
      var program = try namespace.start(arguments)
      let text = String(decoding: program.readOutput(), as: UTF8.self)
      _ = program.wait()
      return text
    }

    // MARK: States

    /// What `ss` says of the kernel's connection with us; nil: it has none.
    func kernelState(port: UInt16) throws -> String? {
      for line in try run(["ss", "-tanH"]).split(separator: "\n") {
        let words = line.split(separator: " ")
        guard words.count >= 5, words[3].hasSuffix(":\(port)") || words[4].hasSuffix(":\(port)"),
          words[0] != "LISTEN"
        else { continue }
        return String(words[0])
      }
      return nil
    }

    /// What the stack's own table says of the flow with that port at either end; handles of connections that
    /// are over do not count.
    func martletState(port: UInt16) -> TCPState? {
      var state: TCPState?
      stack.forEachFlow(now: now) { flow in
        if flow.state != .closed, flow.local.port == port || flow.remote.port == port { state = flow.state }
      }
      return state
    }

    // MARK: Connections

    /// The kernel connects to us: its socket, and our accepted end.
    func kernelConnects(port: UInt16 = 80) throws -> (KernelSocket, ConnectionID, ListenerID) {
      let listener = try stack.listen(on: LocalEndpoint(port: port))
      let socket = try KernelSocket(in: namespace)
      socket.connect(Stage.martlet, port)
      var accepted: ConnectionID?
      try turn("accept") {
        if accepted == nil { accepted = try? stack.accept(listener) }
        return accepted != nil && socket.isConnected
      }
      guard let accepted else { throw StageError.waited }
      return (socket, accepted, listener)
    }

    /// We connect to a listening socket of the kernel.
    func martletConnects(port: UInt16 = 8_080) throws -> (KernelSocket, ConnectionID) {
      let listening = try KernelSocket(in: namespace)
      try listening.listen(Stage.kernel, port)
      let id = try stack.connect(to: Endpoint(address: Stage.kernel, port: port), now: now)
      var socket: KernelSocket?
      try turn("the kernel accepts") {
        if socket == nil { socket = listening.accept() }
        return try socket != nil && stack.readiness(id).contains(.connected)
      }
      guard let socket else { throw StageError.waited }
      return (socket, id)
    }

    /// Everything that is there to read, and whether the stream has ended.
    func read(_ id: ConnectionID) throws -> (octets: [UInt8], ended: Bool) {
      var all: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 65_536)
      while true {
        var count = 0
        do {
          var elements = buffer.mutableSpan
          var out = elements.mutableBytes
          count = try stack.receive(id, into: &out, now: now)
        } catch ReceiveError.wouldBlock {
          return (all, false)
        }
        if count == 0 { return (all, true) }
        all += buffer[..<count]
      }
    }

    /// Octets taken.
    func write(_ id: ConnectionID, _ octets: ArraySlice<UInt8>) throws -> Int {
      do {
        return try stack.send(id, octets.span.bytes, now: now)
      } catch SendError.wouldBlock {
        return 0
      }
    }
  }

  enum StageError: Error {
    case waited
  }

  enum Machine {
    /// Nil when TUN devices and namespaces can be made and `ss` is there; else why not.
    static let obstacle: String? = {
      guard geteuid() == 0 else { return "needs root" }
      guard access("/dev/net/tun", R_OK | W_OK) == 0 else { return "needs /dev/net/tun" }
      guard hasProgram("ss") else { return "needs ss, of iproute2" }
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
    static var needsKernel: Self {
      .enabled("\(Machine.obstacle ?? "TUN devices are there")") { Machine.obstacle == nil }
    }
  }

  func pattern(_ count: Int) -> [UInt8] {
    var state: UInt32 = 1
    return (0..<count).map { _ in
      state = state &* 1_664_525 &+ 1_013_904_223
      return UInt8(truncatingIfNeeded: state >> 24)
    }
  }
#endif
