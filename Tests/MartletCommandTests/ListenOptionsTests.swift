import MartletCommand
import MartletStack
import MartletTCP
import Testing

@Suite("How services listen")
struct ListenOptionsTests {
  @Test("Queues are as long as they are said to be, with an error that tells the range")
  func backlog() throws {
    #expect(try Backlog(parsing: "128").count == 128)
    for text in ["0", "-1", "many", "1000001", "1e3", ""] {
      #expect(throws: SpecificationError.self) { try Backlog(parsing: text) }
    }
    do throws(SpecificationError) {
      _ = try Backlog(parsing: "0")
    } catch {
      #expect("\(error)".contains("1 to 1000000"))
    }
  }

  @Test("SYN cookies are off, auto or always", arguments: SynCookiePolicy.allCases)
  func cookies(policy: SynCookiePolicy) throws {
    #expect(try SynCookiePolicy(parsing: "\(policy)") == policy)
    #expect(throws: SpecificationError.self) { try SynCookiePolicy(parsing: "maybe") }
  }

  @Test("S3.3 tries and waits of a SYN-ACK have their bounds")
  func synAck() throws {
    #expect(try SynAckTries(parsing: "0").count == 0)
    #expect(throws: SpecificationError.self) { try SynAckTries(parsing: "16") }
    #expect(try SynAckWait(parsing: "500ms").time == .milliseconds(500))
    for text in ["9ms", "61s", "soon"] {
      #expect(throws: SpecificationError.self) { try SynAckWait(parsing: text) }
    }
  }

  @Test("The idle time is seconds that a stack can tell apart, with an error that tells the longest")
  func idleTimeout() throws {
    #expect(try IdleTimeout(parsing: "14400").time == .hours(4))
    #expect(try IdleTimeout(parsing: "0").time == .zero)
    for text in ["14401", "65535", "65536", "-1", "1.5", "1h", ""] {
      #expect(throws: SpecificationError.self, "\(text)") { try IdleTimeout(parsing: text) }
    }
    do throws(SpecificationError) {
      _ = try IdleTimeout(parsing: "14401")
    } catch {
      #expect("\(error)".contains("14400"))
    }
  }

  @Test("However many services share a budget, none is left with the limit 0, which would be no limit")
  func shares() throws {
    let least = try BufferAmount(parsing: "256KiB")
    #expect(least.connections(of: 1) == 64 && least.connections(of: 2) == 32)
    #expect(least.connections(of: 64) == 1 && least.connections(of: 65) == 1)
    #expect(least.connections(of: 65_535) == 1)
  }
}
