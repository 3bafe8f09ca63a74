# A login server that nobody here wrote, Doorkeeper in a Rails app, with Procore's rules around it.
#
#   ruby app.rb FOLDER [KEEPS_PREVIOUS]   prints its port; ends with its standard input.
#
# KEEPS_PREVIOUS: a spent refresh token dies once the new access token is used, else at once.

ENV["RAILS_ENV"] = "production"
require "erb"
require "active_record/railtie"
require "action_controller/railtie"
require "doorkeeper"
require "puma"
require "puma/server"

FOLDER, KEEPS_PREVIOUS = ARGV
ENV["DATABASE_URL"] = "sqlite3:#{FOLDER}/procore.sqlite3?timeout=10000"
# Where the app is installed.
COMPANIES = [{ id: 22222, name: "Sample Company", is_active: true },
             { id: 33333, name: "Other Company", is_active: true }].freeze

class Procore < Rails::Application
  config.load_defaults 6.1
  config.root = FOLDER
  config.eager_load = false
  config.logger = Logger.new($stderr)
  config.log_level = :error
  config.secret_key_base = SecureRandom.hex(64)
end

class ApplicationRecord < ActiveRecord::Base
  self.abstract_class = true
end

class Person < ApplicationRecord
end

class Request < ApplicationRecord
end

# As long as Procore's.
module LongToken
  def self.generate(*)
    "hush-access-#{SecureRandom.urlsafe_base64(380)}"
  end
end

Doorkeeper.configure do
  orm :active_record
  use_refresh_token
  # Procore's links name none.
  default_scopes :everything
  access_token_generator "LongToken"
  custom_access_token_expires_in { |context| Doorkeeper::Application.find(context.client.id).lifetime_s }
  force_ssl_in_redirect_uri false
  resource_owner_authenticator do
    session[:return_to] = request.fullpath
    Person.find_by(id: session[:person_id]) || redirect_to("/login")
  end
end

class LoginController < ActionController::Base
  def show
    render inline: '<%= form_tag "/login" do %><%= text_field_tag :email %><%= submit_tag %><% end %>'
  end

  def create
    session[:person_id] = Person.find_by!(login: params[:email]).id
    redirect_to session[:return_to]
  end
end

class ApiController < ActionController::API
  before_action :doorkeeper_authorize!
  before_action :require_company, unless: :person

  def me
    render json: person || { id: 777, login: "dmsa-777@example.com", name: "Data connector" }
  end

  def companies
    render json: COMPANIES
  end

  private

  def person
    Person.find_by(id: doorkeeper_token.resource_owner_id)
  end

  def require_company
    company = request.headers["Procore-Company-Id"]
    return render(json: { errors: "Missing Procore-Company-Id header!" }, status: 400) unless company
    return if COMPANIES.any? { |each| each[:id].to_s == company }

    render json: { errors: ["App is not connected to this company."] }, status: 403
  end
end

# Doorkeeper's own migrations, from where it keeps them.
def migrate(template)
  folder = File.join(Gem.loaded_specs["doorkeeper"].full_gem_path, "lib/generators/doorkeeper/templates")
  migration_version = "[6.1]"
  eval ERB.new(File.read(File.join(folder, template))).result(binding), TOPLEVEL_BINDING
end

def make_tables
  ActiveRecord::Migration.verbose = false
  migrate("migration.rb.erb")
  migrate("enable_pkce_migration.rb.erb")
  [CreateDoorkeeperTables, EnablePkce].each { |each| each.migrate(:up) }
  ActiveRecord::Schema.define do
    remove_column :oauth_access_tokens, :previous_refresh_token unless KEEPS_PREVIOUS
    add_column :oauth_applications, :lifetime_s, :integer, default: 5400
    create_table(:people) { |t| t.string :login, :name }
    create_table(:requests) { |t| t.string :path, :client_id, :grant_type, :status }
  end
  Person.create!(id: 11111, login: "joecontractor@procore.com", name: "Joe Contractor")
  Person.create!(id: 22222, login: "second@example.com")
  Person.create!(id: 33333, login: "third@example.com")
end

def record_requests
  ActiveSupport::Notifications.subscribe("process_action.action_controller") do |*, payload|
    asked = payload[:params].slice("client_id", "grant_type")
    Request.create!(path: URI(payload[:path]).path, status: payload[:status], **asked.symbolize_keys)
  end
end

Procore.initialize!
make_tables
record_requests
Procore.routes.draw do
  use_doorkeeper { skip_controllers :applications, :authorized_applications }
  get "/login", to: "login#show"
  post "/login", to: "login#create"
  scope "/rest/v1.0" do
    get "me", to: "api#me"
    get "companies", to: "api#companies"
  end
end

server = Puma::Server.new(Procore, Puma::Events.null, { min_threads: 1, max_threads: 1 })
puts server.add_tcp_listener("127.0.0.1", 0).addr[1]
$stdout.flush
server.run
$stdin.read
server.stop(true)
