import MartletLinks
import MartletStack
import MartletTCP

/// What another thread has the loop do between two batches: look at the stack, or change something. It must be short: as
/// long as it runs no packet moves.
package typealias LoopVisit = @Sendable (inout NetworkStack, inout LoopView, Instant) -> Void

/// What a visitor sees of a loop besides its stack.
package struct LoopView {
  package let links: [LinkReport]
  package var captures: LoopCaptures
}

/// One link of a loop.
package struct LinkReport: Equatable, Sendable {
  package let name: String
  package let interface: InterfaceID
  package let mtu: Int
  /// Its packets begin with an Ethernet header.
  package let isEthernet: Bool
  package let counters: LinkCounters

  package init(name: String, interface: InterfaceID, mtu: Int, isEthernet: Bool, counters: LinkCounters) {
    self.name = name
    self.interface = interface
    self.mtu = mtu
    self.isEthernet = isEthernet
    self.counters = counters
  }
}

/// What a loop's visitors look at and do, one loop at a time, from a thread that may wait.
struct LoopVisitor {
  private let controls: [LoopControl]
  private let wakeup: Wakeup
  /// Nobody waits any longer.
  private let isOver: @Sendable () -> Bool

  /// A loop answers within microseconds. One that does not in so long is stuck in its application, or was never run.
  static let patience = TimeAmount.seconds(5)
  /// How long it may take to find out that nobody waits for the answer.
  private static let glance = TimeAmount.milliseconds(100)

  init(_ controls: [LoopControl], waking wakeup: Wakeup, until isOver: @escaping @Sendable () -> Bool) {
    self.controls = controls
    self.wakeup = wakeup
    self.isOver = isOver
  }

  var count: Int { controls.count }

  /// The result of `body`, called by one of the loops.
  func ask<R: Sendable>(
    _ loop: Int, _ body: @escaping @Sendable (inout NetworkStack, inout LoopView, Instant) -> R
  ) throws(ControlError) -> R {
    let answer = Answer<R>()
    let wakeup = wakeup
    controls[loop].visit { stack, view, now in
      answer.give(body(&stack, &view, now))
      wakeup.signal()
    }
    let end = SystemClock.now.advanced(by: Self.patience)
    while true {
      wakeup.clear()
      if let result = answer.take() { return result }
      let now = SystemClock.now
      if isOver() { throw .stopped }
      guard now < end else { throw .noAnswer }
      wait(for: wakeup.descriptor, orUntil: min(end.since(now), Self.glance))
    }
  }

  /// The results of all loops, in their order.
  func askAll<R: Sendable>(
    _ body: @escaping @Sendable (inout NetworkStack, inout LoopView, Instant) -> R
  ) throws(ControlError) -> [R] {
    var results: [R] = []
    for loop in controls.indices { results.append(try ask(loop, body)) }
    return results
  }

  /// Has every loop do something, whenever it comes to it.
  func tellAll(_ body: @escaping LoopVisit) {
    for control in controls { control.visit(body) }
  }
}
