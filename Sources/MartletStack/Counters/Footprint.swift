import MartletTCP

/// What records cost in octets, everything counted: the record in its slab with its generation, its
/// entry in the flow table and its node in the timer wheel where it has them.
public struct Footprint: Equatable, BitwiseCopyable, Sendable {
  /// An entry of the flow table, at the fill of seven eighths where a segment splits.
  public static var tableEntry: Int { 8 * 8 / 7 }
  /// A node of the timer wheel.
  public static var timer: Int { 12 }

  /// An idle connection (goal: 200 for IPv4).
  public static var connection4: Int { MemoryLayout<Slot<Connection>>.stride &+ tableEntry &+ timer }
  public static var connection6: Int { connection4 &+ MemoryLayout<Slot<IPv6FlowKey>>.stride }
  /// The record of a half-open connection without its table entry (goal: 48 and 72; S3.5).
  public static var embryo4: Int { MemoryLayout<Slot<Embryo<IPv4FlowKey>>>.stride }
  public static var embryo6: Int { MemoryLayout<Slot<Embryo<IPv6FlowKey>>>.stride }
  /// The record of TIME-WAIT without its table entry (goal: 48 and 72; S4.9).
  public static var timeWait4: Int { MemoryLayout<Slot<Lingering<IPv4FlowKey>>>.stride }
  public static var timeWait6: Int { MemoryLayout<Slot<Lingering<IPv6FlowKey>>>.stride }
  /// What a connection has besides while something is queued, chunks apart.
  public static var coldBlock: Int { MemoryLayout<Slot<ColdBlock>>.stride }
  public static var listener: Int { MemoryLayout<Slot<Listener>>.stride }
  public static var datagramSocket: Int { MemoryLayout<Slot<DatagramSocket>>.stride }
  public static var reply: Int { MemoryLayout<Slot<Reply>>.stride }

  /// The stack itself.
  public static var stack: Int { MemoryLayout<NetworkStack>.size }

  /// The TCB alone.
  public static var tcb: Int { MemoryLayout<TCB>.size }
  /// What the engine adds to it.
  public static var engine: Int { MemoryLayout<Connection>.size &- tcb }

  /// A record in a slab: its generation stands behind it.
  private struct Slot<Record: BitwiseCopyable> {
    var record: Record
    var generation: UInt32
  }
}
