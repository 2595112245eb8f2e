import MartletLinks
import MartletStack
import MartletTCP

/// A stack's loopback interface: whatever leaves through it comes in again.
struct Loopback: ~Copyable {
  private let interface: InterfaceID
  private var buffer = PacketBuffer(capacity: Int(UInt16.max))

  /// Packets that are passed before others have their turn.
  private static var batch: Int { 64 }

  /// Nil: the stack has these addresses already, on an interface that the application has made.
  init?(of stack: inout NetworkStack) {
    guard let interface = try? stack.addInterface(.loopback) else { return nil }
    self.interface = interface
  }

  func hasWork(in stack: borrowing NetworkStack) -> Bool { stack.hasOutput(on: interface) }

  /// Hands the stack what it has said to itself. True: it may have said more.
  mutating func pass(of stack: inout NetworkStack, _ now: Instant) -> Bool {
    for _ in 0..<Self.batch {
      let next = buffer.lend { stack.nextPacket(on: interface, into: &$0, now: now) }
      guard let next else { return false }
      buffer.show(next.count) { stack.receive($0, next.metadata, on: interface, now: now) }
    }
    return true
  }
}
