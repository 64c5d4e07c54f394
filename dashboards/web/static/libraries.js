// Whose code a class is: the packages of Java itself and of the libraries that Spring Boot applications are made of.
// What begins with none of these is the application's own.

/** Beginnings of class names, and what they are called. @type {[string, string][]} */
export const LIBRARIES = [
  ["java.", "Java"], ["javax.", "Java"], ["jdk.", "Java"], ["sun.", "Java"], ["com.sun.", "Java"], ["jakarta.", "Jakarta EE"],
  ["kotlin.", "Kotlin"], ["kotlinx.", "Kotlin"], ["scala.", "Scala"], ["groovy.", "Groovy"], ["clojure.", "Clojure"],
  ["org.codehaus.groovy.", "Groovy"],
  ["org.springframework.", "Spring"], ["org.aspectj.", "AspectJ"], ["org.aopalliance.", "Spring"], ["net.sf.cglib.", "CGLIB"],
  ["org.apache.catalina.", "Tomcat"], ["org.apache.coyote.", "Tomcat"], ["org.apache.tomcat.", "Tomcat"], ["org.apache.", "Apache"],
  ["org.eclipse.jetty.", "Jetty"], ["org.eclipse.", "Eclipse"], ["io.undertow.", "Undertow"], ["org.jboss.", "JBoss"], ["org.xnio.", "XNIO"],
  ["io.netty.", "Netty"], ["reactor.", "Reactor"], ["io.reactivex.", "RxJava"], ["rx.", "RxJava"], ["org.reactivestreams.", "Reactive Streams"],
  ["org.hibernate.", "Hibernate"], ["com.zaxxer.hikari.", "HikariCP"], ["org.postgresql.", "PostgreSQL"], ["com.mysql.", "MySQL"],
  ["org.mariadb.", "MariaDB"], ["oracle.", "Oracle"], ["com.microsoft.sqlserver.", "SQL Server"], ["org.h2.", "H2"], ["org.hsqldb.", "HSQLDB"],
  ["com.mongodb.", "MongoDB"], ["org.bson.", "MongoDB"], ["io.lettuce.", "Lettuce"], ["redis.clients.", "Jedis"], ["org.redisson.", "Redisson"],
  ["com.rabbitmq.", "RabbitMQ"], ["org.flywaydb.", "Flyway"], ["liquibase.", "Liquibase"], ["org.mybatis.", "MyBatis"], ["org.jooq.", "jOOQ"],
  ["com.fasterxml.", "Jackson"], ["tools.jackson.", "Jackson"], ["com.google.", "Google"], ["io.grpc.", "gRPC"], ["feign.", "Feign"],
  ["okhttp3.", "OkHttp"], ["okio.", "OkHttp"], ["retrofit2.", "Retrofit"], ["com.netflix.", "Netflix"], ["io.github.resilience4j.", "Resilience4j"],
  ["io.micrometer.", "Micrometer"], ["io.opentelemetry.", "OpenTelemetry"], ["brave.", "Brave"], ["zipkin2.", "Zipkin"],
  ["ch.qos.logback.", "Logback"], ["org.slf4j.", "SLF4J"], ["net.bytebuddy.", "Byte Buddy"], ["javassist.", "Javassist"], ["org.objectweb.asm.", "ASM"],
  ["org.thymeleaf.", "Thymeleaf"], ["org.quartz.", "Quartz"], ["org.junit.", "JUnit"], ["junit.", "JUnit"], ["org.mockito.", "Mockito"],
  ["com.amazonaws.", "AWS"], ["software.amazon.", "AWS"], ["com.azure.", "Azure"], ["io.swagger.", "Swagger"], ["org.springdoc.", "springdoc"],
  ["com.github.benmanes.caffeine.", "Caffeine"], ["com.hazelcast.", "Hazelcast"], ["net.logstash.", "Logstash"], ["io.vertx.", "Vert.x"],
  ["io.projectreactor.", "Reactor"], ["io.kubernetes.", "Kubernetes"], ["org.yaml.snakeyaml.", "SnakeYAML"], ["com.jayway.", "JsonPath"],
];

// As log patterns shorten them; single letters of other packages could be anybody's.
/** @type {[RegExp, string][]} */
const SHORTENED = [[/^o\.s\.([a-z]\.)*[A-Z]/, "Spring"], [/^o\.a\.(c|t)\.([a-z]\.)*[A-Z]/, "Tomcat"], [/^(j|javax?)\.[a-z]\.([a-z]\.)*[A-Z]/, "Java"]];

// Made at run time around the application's own code: nobody wrote these.
const GENERATED = /\$\$(?:SpringCGLIB|FastClassBySpringCGLIB|EnhancerBySpringCGLIB|FastClassByCGLIB|Lambda)\b|\$Proxy\d|\$HibernateProxy\$|\$ByteBuddy\$|\$MockitoMock\$/;

/** Beginnings of classes that are one's own whatever is said above, and further ones of libraries. @typedef {{ own: string[], libraries: Record<string, string> }} Rules */

/** The library of a class; null for the application's own code. @param {string} name @param {Rules | null} [rules] @returns {string | null} */
export function libraryOf(name, rules) {
  if (rules?.own.some((prefix) => name.startsWith(prefix))) return null;
  const told = Object.entries(rules?.libraries ?? {}).find(([prefix]) => name.startsWith(prefix));
  if (told) return told[1];
  const known = LIBRARIES.find(([prefix]) => name.startsWith(prefix)) ?? SHORTENED.find(([shape]) => shape.test(name));
  if (known) return known[1];
  return GENERATED.test(name) || /^\$Proxy\d/.test(name) ? "generated code" : null;
}
