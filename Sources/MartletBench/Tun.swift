import ArgumentParser
import Martlet
import MartletLinks
import MartletStack
import MartletTCP
import MartletWire

#if os(Linux)
  import Foundation

  /// One connection over a TUN device, the kernel's TCP at the other end.
  struct Tun: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "tun", abstract: "Text from or to the kernel's TCP over a TUN device.",
      discussion: """
        Martlet is the server at 10.9.0.2:5201; the kernel's side of the device is 10.9.0.1/24. "ready" on \
        standard error says that a client may connect. A sink reads what the client sends, which it cannot \
        check; a source sends its own. Needs the right to make a TUN device; run it inside a network namespace.
        """)

    enum Role: String, ExpressibleByArgument, CaseIterable {
      case sink
      case source
    }

    @Argument(help: "Name of the device.") var device: String
    @Argument(help: "sink or source.") var role: Role
    @Argument(help: "Octets to carry.") var bytes: Int
    @Argument(help: "MTU, 576 to 65,535.") var mtu: Int

    func validate() throws {
      guard bytes > 0 else { throw ValidationError("BYTES must be positive, not \(bytes)") }
      guard (576...65_535).contains(mtu) else {
        throw ValidationError("MTU must be 576 to 65535, not \(mtu)")
      }
    }

    func run() throws {
      let kernel = IPPrefix(.v4(IPv4Address(10, 9, 0, 1)), length: 24)
      let link = try TUNLink(TUNConfiguration(name: device, mtu: mtu, kernelAddresses: [kernel]))
      let control = try LoopControl()
      control.stopOnSignals()
      var loop = try StackLoop(
        stack: NetworkStack(seed: .fromSystem()),
        links: LinkSet(link, addresses: [IPPrefix(Wire.serverAddress, length: 24)]),
        application: TunService(role, bytes, control), control: control)
      try loop.run(grace: .seconds(1))
      try loop.application.report(mtu)
    }
  }

  /// Reads or writes the octets of the first connection, then ends the loop.
  private struct TunService: Application, ~Copyable {
    private let role: Tun.Role
    private let bytes: Int
    private let control: LoopControl
    private let pattern = Pattern()
    private var buffer = [UInt8](repeating: 0, count: 256 << 10)
    private var carried = 0
    private var watch: Stopwatch?
    private var elapsed: Elapsed?

    init(_ role: Tun.Role, _ bytes: Int, _ control: LoopControl) {
      self.role = role
      self.bytes = bytes
      self.control = control
    }

    mutating func start(stack: inout NetworkStack, now: Instant) {
      do {
        _ = try stack.listen(on: LocalEndpoint(port: 5_201))
        FileHandle.standardError.write(Data("ready\n".utf8))
      } catch {
        FileHandle.standardError.write(Data("cannot listen: \(error)\n".utf8))
        control.stop()
      }
    }

    mutating func event(_ event: StackEvent, stack: inout NetworkStack, now: Instant) {
      switch event {
      case .listener(let listener):
        guard let id = try? stack.accept(listener) else { return }
        if watch == nil { watch = Stopwatch() }
        carry(id, &stack, now)
      case .connection(let id, _):
        carry(id, &stack, now)
      case .attempt, .datagram, .echo, .memoryPressure, .synFlood, .addressReady, .addressConflict,
        .addressRemoved, .lease:
        return
      }
    }

    private mutating func carry(_ id: ConnectionID, _ stack: inout NetworkStack, _ now: Instant) {
      switch role {
      case .sink: read(id, &stack, now)
      case .source: write(id, &stack, now)
      }
      guard carried >= bytes, elapsed == nil else { return }
      elapsed = watch?.stop()
      try? stack.close(id, now: now)
      control.stop()
    }

    private mutating func read(_ id: ConnectionID, _ stack: inout NetworkStack, _ now: Instant) {
      var count = 0
      do {
        var elements = buffer.mutableSpan
        var out = elements.mutableBytes
        while let some = try? stack.receive(id, into: &out, now: now), some > 0 { count += some }
      }
      carried += count
    }

    private mutating func write(_ id: ConnectionID, _ stack: inout NetworkStack, _ now: Instant) {
      while carried < bytes {
        let at = carried
        let taken = pattern.withText(at: at, most: bytes - at) { text in
          (try? stack.send(id, text, now: now)) ?? 0
        }
        if taken == 0 { return }
        carried += taken
      }
    }

    func report(_ mtu: Int) throws {
      guard let elapsed else { throw BenchError("ended after \(carried) of \(bytes) octets") }
      var line = ResultLine()
      let bits = Double(bytes) * 8 / 1e9
      line.add("wall_gbps", bits / elapsed.wall)
      line.add("cpu_gbps", bits / elapsed.cpu)
      line.add("stackcpu_gbps", bits / elapsed.user)
      line.add("role", role.rawValue)
      line.add("mtu", mtu)
      line.add("bytes", bytes)
      line.print()
    }
  }
#endif
