import MartletCommand
import Testing

@Suite struct ServiceSpecificationTests {
  @Test(
    "PORT=KIND, with a transport before and an argument behind",
    arguments: [
      ("7=echo", ServiceSpecification(port: 7, kind: .echo)),
      ("tcp/9=discard", ServiceSpecification(port: 9, kind: .discard)),
      ("udp/7=echo", ServiceSpecification(transport: .udp, port: 7, kind: .echo)),
      ("UDP/9=discard", ServiceSpecification(transport: .udp, port: 9, kind: .discard)),
      ("19=chargen", ServiceSpecification(port: 19, kind: .chargen(nil))),
      ("19=chargen:1000", ServiceSpecification(port: 19, kind: .chargen(1000))),
      ("80=http:.", ServiceSpecification(port: 80, kind: .http("."))),
      ("8080=http:/srv/a=b:c", ServiceSpecification(port: 8080, kind: .http("/srv/a=b:c"))),
      ("1=hold", ServiceSpecification(port: 1, kind: .hold)),
      ("65535=bye", ServiceSpecification(port: 65535, kind: .bye)),
      ("5=reset", ServiceSpecification(port: 5, kind: .reset)),
      ("5201=iperf3", ServiceSpecification(port: 5201, kind: .iperf3)),
    ])
  func parses(_ text: String, _ expected: ServiceSpecification) throws {
    #expect(try ServiceSpecification(parsing: text) == expected)
  }

  @Test(
    "Whatever makes no sense is refused with a sentence",
    arguments: [
      "", "echo", "7", "=echo", "0=echo", "65536=echo", "-1=echo", "+7=echo", "7=", "7=ech", "7=echo:1",
      "80=http",
      "80=http:", "19=chargen:many", "19=chargen:-1", "sctp/7=echo", "udp/80=http:.", "udp/1=hold",
      "udp/5201=iperf3", "1=iperf3:x",
      "tcp/=echo",
    ])
  func refuses(_ text: String) {
    #expect(throws: SpecificationError.self) { try ServiceSpecification(parsing: text) }
  }
}
