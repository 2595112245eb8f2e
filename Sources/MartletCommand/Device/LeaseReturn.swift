#if os(Linux)
  import Martlet
  import MartletLinks
  import MartletStack
  import MartletTCP

  extension StackLoop where L: ~Copyable, App: ~Copyable {
    /// Gives back what a DHCP server lends, if one does: on every way out of a command, that of an error, too.
    mutating func giveBackLease() {
      do {
        try stack.releaseLease(of: .ofDevice, now: SystemClock.now)
        try turn(waitingAtMost: .zero)
      } catch {
        // Nothing is lent, or the link has gone: the server finds out when the time is over.
      }
    }
  }
#endif
