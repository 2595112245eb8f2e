import MartletTCP
import MartletTrace

/// A capture of a simulation: every packet on a link as it was sent, an interface for each way, with what became
/// of it as a comment. The same seed gives the same octets.
///
///     let capture = CaptureBox()                      // a class of yours
///     world.tap = { capture.file.note($0) }
public struct SimulationCapture {
  /// The pcapng file so far.
  public private(set) var octets: [UInt8] = []
  private var writer: PcapngWriter
  private var ways: [(source: NodeID, destination: NodeID, interface: PcapngInterfaceID)] = []

  public init() {
    writer = PcapngWriter(into: &octets, application: "Martlet simulator")
  }

  /// - Parameter comment: lines to stand behind what became of it.
  public mutating func note(_ seen: Observation, comment: [String] = []) {
    let interface = interface(from: seen.packet.source, to: seen.packet.destination)
    var text = seen.isForged ? "forged" : seen.fate.text
    for line in comment { text += text.isEmpty ? line : "\n" + line }
    writer.write(
      seen.packet.octets.rawSpan, at: seen.packet.time, on: interface, comment: text, into: &octets)
  }

  private mutating func interface(from source: NodeID, to destination: NodeID) -> PcapngInterfaceID {
    for way in ways where way.source == source && way.destination == destination { return way.interface }
    let name = source.text + " to " + destination.text
    let interface = writer.add(PcapngInterface(name: name), into: &octets)
    ways.append((source, destination, interface))
    return interface
  }
}

extension PacketFate {
  /// Nothing for what is delivered.
  var text: String {
    switch self {
    case .delivered: ""
    case .lost: "lost"
    case .overflowed: "no room in the queue"
    case .droppedByQueue: "dropped by the queue"
    case .tooBig: "too big"
    case .partitioned: "the link is cut"
    case .droppedByRule: "dropped by a rule"
    case .corrupted: "corrupted"
    case .corruptedUndetected: "corrupted, and no checksum tells"
    }
  }
}
