import MartletStack
import MartletTCP
import MartletTrace
import SystemPackage

/// A capture as a link: what others sent then arrives again, and what the stack sends goes nowhere.
///
/// The stack that hears it has one of the addresses that the packets are for. Peers do not react to it, as they are not there:
/// its numbers are not those of the capture, so that connections do not get beyond their SYN-ACK; SYNs, datagrams, errors, what
/// is malformed and all that floods is as it was. `TappedLink` with `CaptureTap` puts both sides into a new capture.
public struct ReplayLink: Link, ~Copyable {
  /// When packets arrive.
  @frozen
  public enum Pace: Equatable, Sendable {
    /// As long after the first one as in the capture.
    case asCaptured
    /// As soon as the stack takes them.
    case asTaken
  }

  public let name: String
  public let mtu: Int
  public let medium: Medium
  public private(set) var counters = LinkCounters()
  /// The last packet has arrived, or the capture broke off: nothing follows.
  public private(set) var isOver = false

  private let pace: Pace
  private var input: CaptureInput
  /// The first that has not arrived, and where in it what the stack is to hear begins.
  private var next: (packet: CapturedPacket, start: Int)?
  /// What the stamps of the capture are when `Instant.origin` is now.
  private var shift: UInt64?
  private var departure: PacketBuffer
  private let timer: LinkTimer

  /// - Parameters:
  ///   - path: of a pcapng or pcap file, or "-" for standard input.
  ///   - medium: `.ip` takes IP packets out of captures of most kinds (`CapturedInterface.startOfIP`); an Ethernet is played
  ///     to an Ethernet whole.
  ///   - mtu: of what the stack sends, 576 to 65,535; what arrives may be larger.
  public init(
    path: String, medium: Medium = .ip, mtu: Int = 1_500, pace: Pace = .asCaptured
  ) throws(LinkError) {
    guard (576...65_535).contains(mtu) else {
      throw LinkError(.badMTU, "No link can have an MTU of \(mtu). Choose one from 576 to 65535.")
    }
    let input = try CaptureInput(path: path)
    let timer = try LinkTimer()
    // At once: what is due is found out by whoever looks.
    timer.set(1)
    name = path
    self.input = input
    self.timer = timer
    self.mtu = mtu
    self.medium = medium
    self.pace = pace
    departure = PacketBuffer(capacity: mtu + 18)
  }

  public var largestPacket: Int { departure.capacity }
  public var readiness: FileDescriptor? { timer.descriptor }
  public var roomSignal: RoomSignal { .writable }

  /// Throws once where the capture breaks off; after that, and after its end, nothing arrives.
  public mutating func receive(
    limit: Int, now: Instant, _ deliver: (RawSpan, PacketMetadata) -> Void
  ) throws(LinkError) -> Int {
    var count = 0
    while count < limit, !isOver {
      if next == nil { next = try findNext() }
      guard let next else { break }
      let wait = wait(for: next.packet, now)
      guard wait == 0 else {
        timer.set(wait)
        return count
      }
      self.next = nil
      input.octets(of: next.packet) { octets in
        let packet = octets.extracting(next.start...)
        counters.countReceived(packet.byteCount)
        deliver(packet, PacketMetadata())
      }
      count += 1
    }
    timer.set(isOver ? 0 : 1)
    return count
  }

  /// Takes everything and keeps nothing.
  public mutating func send(
    limit: Int, now: Instant, _ fill: (inout MutableRawSpan) -> OutgoingPacket?
  ) throws(LinkError) -> SendOutcome {
    for _ in 0..<max(limit, 0) {
      guard let packet = departure.lend(body: { fill(&$0) }) else { return .drained }
      counters.countSent(packet.count)
    }
    return .limit
  }

  /// Passes over what we sent ourselves, and what the stack cannot be shown: cut short by the capture, or of another medium.
  private mutating func findNext() throws(LinkError) -> (packet: CapturedPacket, start: Int)? {
    do throws(LinkError) {
      while let packet = try input.next() {
        if packet.direction == .outbound { continue }
        if packet.octets.count == packet.originalCount, let start = start(of: packet) {
          return (packet, start)
        }
        counters.receiveDrops &+= 1
      }
    } catch {
      isOver = true
      throw error
    }
    isOver = true
    return nil
  }

  private func start(of packet: CapturedPacket) -> Int? {
    let interface = input.interfaces[packet.interface]
    guard case .ethernet = medium else { return input.octets(of: packet) { interface.startOfIP(in: $0) } }
    return interface.linkType == LinkType.ethernet.rawValue ? 0 : nil
  }

  /// Nanoseconds until it arrives.
  private mutating func wait(for packet: CapturedPacket, _ now: Instant) -> Int64 {
    guard pace == .asCaptured, packet.time != 0 else { return 0 }
    let shift = self.shift ?? packet.time &- now.nanoseconds
    self.shift = shift
    return max(0, Int64(truncatingIfNeeded: packet.time &- shift &- now.nanoseconds))
  }
}

/// Invariant: it cannot be copied, so one thread at a time has it, with its file and buffers.
extension ReplayLink: @unchecked Sendable {}
